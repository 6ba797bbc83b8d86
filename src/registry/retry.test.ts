import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { get, listen, serve, textOfBody, transport } from './fixture.js'
import { retryAfterMs } from './retry.js'

test.each([500, 502, 503, 429])('a %i is tried again', async (status) => {
  const server = await serve((_, response, count) => response.writeHead(count < 3 ? status : 200).end())
  expect((await transport().request(get(server.host))).status).toBe(200)
  expect(server.asked).toHaveLength(3)
})

test('a reset connection is tried again', async () => {
  const server = await serve((_, response, count) => (count < 3 ? response.socket?.destroy() : response.end('whole')))
  expect(await textOfBody(await transport().request(get(server.host)))).toBe('whole')
})

test('it is tried five times, and the last failure is thrown with its status', async () => {
  const server = await serve((_, response) =>
    response.writeHead(503).end('{"errors":[{"code":"UNAVAILABLE","message":"down for a while"}]}'),
  )
  const error = await transport()
    .request(get(server.host))
    .catch((error: unknown) => error)
  expect(server.asked).toHaveLength(5)
  expect(error).toMatchObject({ code: 'REGISTRY_UNAVAILABLE', status: 503, retryable: true })
  expect(inspect(error)).toContain('down for a while')
})

test('429 to the end is REGISTRY_RATE_LIMITED', async () => {
  const server = await serve((_, response) => response.writeHead(429, { 'retry-after': '0' }).end())
  await expect(transport({}, { attempts: 2 }).request(get(server.host))).rejects.toMatchObject({
    code: 'REGISTRY_RATE_LIMITED',
    status: 429,
  })
})

test.each([400, 403, 404, 405, 409, 416])('a %i is not tried again', async (status) => {
  const server = await serve((_, response) => response.writeHead(status).end())
  expect((await transport().request(get(server.host))).status).toBe(status)
  expect(server.asked).toHaveLength(1)
})

test('what must not be repeated is not tried again', async () => {
  const server = await serve((_, response) => response.writeHead(500).end())
  const post = get(server.host, '/v2/x/blobs/uploads/', { method: 'POST' })
  await expect(transport().request(post)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', status: 500 })
  expect(server.asked).toHaveLength(1)
})

test('a body of bytes is sent anew with each try', async () => {
  const server = await serve((_, response, count) => response.writeHead(count < 3 ? 502 : 201).end())
  const put = get(server.host, '/v2/x/manifests/y', { method: 'PUT', body: Buffer.from('manifest') })
  expect((await transport().request(put)).status).toBe(201)
  expect(server.asked.map(({ body }) => body)).toEqual(['manifest', 'manifest', 'manifest'])
})

test('a body that can be read again is, when its request may be repeated', async () => {
  const server = await serve((_, response, count) => response.writeHead(count < 2 ? 502 : 202).end())
  const body = async function* () {
    yield Buffer.from('one,')
    yield Buffer.from('two')
  }
  const patch = get(server.host, '/v2/x/blobs/uploads/1', { method: 'PATCH', body, repeatable: true })
  expect((await transport().request(patch)).status).toBe(202)
  expect(server.asked.map((asked) => asked.body)).toEqual(['one,two', 'one,two'])
})

test('Retry-After is waited for', async () => {
  const server = await serve((_, response, count) =>
    response.writeHead(count < 2 ? 429 : 200, { 'retry-after': '1' }).end(),
  )
  const start = performance.now()
  await transport().request(get(server.host))
  expect(performance.now() - start).toBeGreaterThanOrEqual(990)
})

test('no longer Retry-After is waited for than the limit', async () => {
  const server = await serve((_, response, count) =>
    response.writeHead(count < 2 ? 503 : 200, { 'retry-after': '86400' }).end(),
  )
  const start = performance.now()
  await transport({}, { maxRetryAfterMs: 50 }).request(get(server.host))
  expect(performance.now() - start).toBeLessThan(15_000)
})

test('waiting for the next try ends with the signal, and with its reason', async () => {
  const stop = new AbortController()
  const server = await serve((_, response) => {
    response.writeHead(429, { 'retry-after': '50' }).end()
    setTimeout(() => stop.abort('enough'), 50)
  })
  const start = performance.now()
  await expect(transport().request(get(server.host, '/v2/', { signal: stop.signal }))).rejects.toBe('enough')
  expect(performance.now() - start).toBeLessThan(15_000)
})

test('an answer whose head does not come in time is tried again', async () => {
  const server = await serve((_, response, count) => count > 1 && response.end())
  expect((await transport({}, { headersTimeoutMs: 100 }).request(get(server.host))).status).toBe(200)
})

test('a body that stalls fails', async () => {
  const server = await serve((_, response) => response.writeHead(200, { 'content-length': '100' }).write('some'))
  const response = await transport({}, { bodyTimeoutMs: 100 }).request(get(server.host))
  await expect(textOfBody(response)).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' })
})

test('a body that breaks off fails', async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('some', () => response.socket?.destroy())
  })
  const response = await transport().request(get(server.host))
  await expect(textOfBody(response)).rejects.toThrow()
})

test('an abort destroys the socket of a request that waits for its answer', async () => {
  const stop = new AbortController()
  const server = await serve(() => stop.abort(new Error('changed my mind')))
  await expect(transport().request(get(server.host, '/v2/', { signal: stop.signal }))).rejects.toThrow(
    'changed my mind',
  )
  await expect.poll(() => server.sockets.size).toBe(0)
})

test('an abort destroys the socket of a body that is being read', async () => {
  const stop = new AbortController()
  const server = await serve((_, response) => response.writeHead(200).write('some'))
  const response = await transport().request(get(server.host, '/v2/', { signal: stop.signal }))
  const read = textOfBody(response)
  stop.abort(new Error('changed my mind'))
  await expect(read).rejects.toThrow('changed my mind')
  await expect.poll(() => server.sockets.size).toBe(0)
})

test('an abort destroys a connection that is still being made', async () => {
  const stop = new AbortController()
  // Never answers to the beginning of TLS.
  const silent = await listen(createServer((socket) => socket.on('error', () => {}).resume()))
  const asked = transport().request(get(silent.host, '/v2/', { signal: stop.signal }))
  await expect.poll(() => silent.sockets.size).toBe(1)
  const start = performance.now()
  stop.abort(new Error('changed my mind'))
  await expect(asked).rejects.toThrow('changed my mind')
  await expect.poll(() => silent.sockets.size).toBe(0)
  expect(performance.now() - start).toBeLessThan(8000)
})

test('an abort of one request leaves a connection alone that another one waits for', async () => {
  const stop = new AbortController()
  const silent = await listen(createServer((socket) => socket.on('error', () => {}).resume()))
  const { request } = transport({}, { connectTimeoutMs: 1000, headersTimeoutMs: 100, attempts: 1 })
  const other = request(get(silent.host))
  const failed = expect(other).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  const aborted = request(get(silent.host, '/v2/', { signal: stop.signal }))
  await expect.poll(() => silent.sockets.size).toBeGreaterThan(0)
  stop.abort(new Error('changed my mind'))
  await expect(aborted).rejects.toThrow('changed my mind')
  expect(silent.sockets.size).toBeGreaterThan(0)
  await failed
})

test('a signal that is aborted already starts nothing', async () => {
  const server = await serve((_, response) => response.end())
  const signal = AbortSignal.abort(new Error('never mind'))
  await expect(transport().request(get(server.host, '/v2/', { signal }))).rejects.toThrow('never mind')
  expect(server.asked).toEqual([])
})

test('a connection that is not made in time is REGISTRY_UNAVAILABLE', async () => {
  const silent = await listen(createServer((socket) => socket.on('error', () => {}).resume()))
  const quick = transport({}, { connectTimeoutMs: 100, headersTimeoutMs: 100, attempts: 1 })
  await expect(quick.request(get(silent.host))).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
})

test('closing ends what is at work, and what comes later', async () => {
  const server = await serve(() => {})
  const { request, close } = transport()
  const asked = request(get(server.host))
  const ended = expect(asked).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })
  await expect.poll(() => server.asked.length).toBe(1)
  await close()
  await ended
  await expect(request(get(server.host))).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })
  await expect.poll(() => server.sockets.size).toBe(0)
})

test('a server that does not speak HTTP is REGISTRY_INVALID', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).end('220 mail.example ESMTP\r\n'))
  const { host } = await listen(server)
  await expect(transport().request(get(host))).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
})

test('an error of the body that is sent is thrown as it is', async () => {
  const server = await serve((_, response) => response.end())
  const broken = new TypeError('the disk is gone')
  const body = async function* () {
    yield Buffer.from('some')
    await delay(1)
    throw broken
  }
  const put = get(server.host, '/v2/x', { method: 'PUT', body, repeatable: true })
  await expect(transport().request(put)).rejects.toBe(broken)
})

test('Retry-After is seconds or a date', () => {
  expect(retryAfterMs('3')).toBe(3000)
  expect(retryAfterMs(new Date(Date.now() + 60_000).toUTCString())).toBeGreaterThan(50_000)
  expect(retryAfterMs('Thu, 01 Jan 1970 00:00:00 GMT')).toBe(0)
  expect(retryAfterMs('soon')).toBe(0)
  expect(retryAfterMs(undefined)).toBe(0)
})
