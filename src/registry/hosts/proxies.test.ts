import { createServer, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { get, listen, makeAuthority, serve, textOfBody, transport } from '../fixture.js'
import { proxyDecision } from './proxies.js'

const trusted = makeAuthority()
const certificate = trusted.issue('DNS:reg.example')

/** Sockets of an HTTP server stay half open until they are ended. */
function untilItEnds(socket: Socket): void {
  socket
    .on('error', () => {})
    .on('end', () => socket.end())
    .resume()
}

/** A proxy that leads wherever it is asked to one server. */
async function proxyTo(port: number) {
  const seen: { what: string; authorization: string | undefined }[] = []
  const server = createServer((asked, answer) => {
    seen.push({ what: `${asked.method} ${asked.url}`, authorization: asked.headers['proxy-authorization'] })
    const { pathname, search } = new URL(asked.url ?? '')
    asked.pipe(
      request({ port, path: pathname + search, method: asked.method, headers: asked.headers }, (back) =>
        back.pipe(answer.writeHead(back.statusCode ?? 0, back.headers)),
      ),
    )
  })
  server.on('connect', (asked, client: Socket) => {
    seen.push({ what: `CONNECT ${asked.url}`, authorization: asked.headers['proxy-authorization'] })
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    })
    for (const socket of [upstream, client]) socket.on('error', () => {})
    onTestFinished(() => void upstream.destroy())
  })
  return { seen, ...(await listen(server)) }
}

test("an HTTPS registry is reached through CONNECT, with the proxy's credentials", async () => {
  const registry = await serve((_, response) => response.end('hello'), certificate)
  const proxy = await proxyTo(registry.port)
  const env = { https_proxy: `http://ada:correct%20horse@${proxy.host}` }
  const { request } = transport({ registries: { 'reg.example': { ca: trusted.ca } } }, { env })
  const response = await request(get('reg.example'))
  expect(await textOfBody(response)).toBe('hello')
  const authorization = `Basic ${Buffer.from('ada:correct horse').toString('base64')}`
  expect(proxy.seen).toEqual([{ what: 'CONNECT reg.example:443', authorization }])
  expect(registry.asked[0]?.headers).not.toHaveProperty('proxy-authorization')
})

test('certificates are verified through a proxy as well', async () => {
  const registry = await serve((_, response) => response.end(), certificate)
  const proxy = await proxyTo(registry.port)
  const { request } = transport({}, { env: { HTTPS_PROXY: proxy.host } })
  await expect(request(get('reg.example'))).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  expect(registry.asked).toEqual([])
})

test('a plain HTTP registry is asked for by its whole URL', async () => {
  const registry = await serve(({ headers }, response) => response.end(headers.host))
  const proxy = await proxyTo(registry.port)
  const options = { registries: { 'reg.example:5000': { insecure: true } } }
  const { request } = transport(options, { env: { HTTP_PROXY: `http://ada:x@${proxy.host}` } })
  const response = await request(get('reg.example:5000', '/v2/x?y=z'))
  expect(await textOfBody(response)).toBe('reg.example:5000')
  expect(response.url).toBe('http://reg.example:5000/v2/x?y=z')
  expect(proxy.seen).toMatchObject([{ what: 'GET http://reg.example:5000/v2/x?y=z' }])
})

test('a proxy that refuses is named, without its password', async () => {
  const server = createServer()
  server.on('connect', (_, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'))
  const { host } = await listen(server)
  const { request } = transport({}, { env: { HTTPS_PROXY: `http://ada:correct-horse@${host}` }, attempts: 1 })
  const error = await request(get('reg.example')).catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'REGISTRY_UNAVAILABLE', message: expect.stringContaining('407') })
  expect(inspect(error, { depth: 10 })).not.toMatch(/correct-horse|YWRhOm/)
})

test('a proxy that never answers to CONNECT is given up, and its socket closed', async () => {
  const server = createServer()
  server.on('connect', (_, socket: Socket) => untilItEnds(socket))
  const proxy = await listen(server)
  const { request } = transport({}, { env: { HTTPS_PROXY: proxy.host }, attempts: 1, connectTimeoutMs: 100 })
  await expect(request(get('reg.example'))).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  await expect.poll(() => proxy.sockets.size).toBe(0)
})

test('an abort ends what is being asked of a proxy', async () => {
  const stop = new AbortController()
  const server = createServer()
  server.on('connect', (_, socket: Socket) => {
    untilItEnds(socket)
    stop.abort(new Error('changed my mind'))
  })
  const proxy = await listen(server)
  const { request } = transport({}, { env: { HTTPS_PROXY: proxy.host } })
  await expect(request(get('reg.example', '/v2/', { signal: stop.signal }))).rejects.toThrow('changed my mind')
  await expect.poll(() => proxy.sockets.size).toBe(0)
})

test('loopback is never reached through a proxy', async () => {
  const registry = await serve((_, response) => response.end('direct'))
  const env = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' }
  expect(await textOfBody(await transport({}, { env }).request(get(registry.host)))).toBe('direct')
})

describe('NO_PROXY', () => {
  test.each([
    ['reg.example', 'https://reg.example/', true],
    ['reg.example', 'https://a.reg.example/', true],
    ['reg.example', 'https://otherreg.example/', false],
    ['.reg.example', 'https://reg.example/', false],
    ['.reg.example', 'https://a.reg.example/', true],
    ['*.reg.example', 'https://a.reg.example/', true],
    ['*.reg.example', 'https://reg.example/', false],
    ['REG.example', 'https://reg.EXAMPLE/', true],
    ['reg.example:5000', 'https://reg.example:5000/', true],
    ['reg.example:5000', 'https://reg.example/', false],
    ['reg.example:443', 'https://reg.example/', true],
    ['10.0.0.0/8', 'https://10.1.2.3:5000/', true],
    ['10.0.0.0/8', 'https://11.1.2.3:5000/', false],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['10.1.2.3', 'https://10.1.2.3:5000/', true],
    ['10.1.2.3:80', 'https://10.1.2.3:5000/', false],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000/', true],
    ['a.example, b.example ,', 'https://b.example/', true],
    ['*', 'https://reg.example/', true],
    ['', 'https://reg.example/', false],
    ['', 'https://localhost:5000/', true],
    ['', 'https://127.3.2.1/', true],
    ['', 'https://[::1]/', true],
  ])('%j exempts %s: %s', (list, url, isExempt) => {
    const decide = proxyDecision({ HTTPS_PROXY: 'proxy.example:3128', NO_PROXY: list })
    expect(decide(new URL(url)) === undefined).toBe(isExempt)
  })
})

test('each scheme has its own proxy', () => {
  const decide = proxyDecision({ http_proxy: 'http://one.example', HTTPS_PROXY: 'https://two.example' })
  const proxies = ['http://x.example', 'https://x.example'].map((url) => decide(new URL(url))?.url.origin)
  expect(proxies).toEqual(['http://one.example', 'https://two.example'])
})

test.each(['socks5://ada:correct-horse@x', 'http://ada:correct-horse@[x', 'http://'])(
  '%s is refused as a proxy, and not told',
  (url) => {
    const decide = () => proxyDecision({ HTTPS_PROXY: url })
    expect(decide).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(decide).toThrow(expect.not.stringMatching('correct-horse'))
  },
)
