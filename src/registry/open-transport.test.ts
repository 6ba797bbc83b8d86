import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { get, serve, textOfBody, transport } from './fixture.js'

test('a loopback registry is asked over plain HTTP when it does not speak HTTPS, and from then on at once', async () => {
  const server = await serve((_, response) => response.end('here'))
  const { request } = transport()
  const first = await request(get(server.host, '/v2/x?n=1'))
  expect([first.status, await textOfBody(first), first.url]).toEqual([200, 'here', `http://${server.host}/v2/x?n=1`])
  await textOfBody(await request(get(server.host)))
  expect(server.asked.map(({ url }) => url)).toEqual(['/v2/x?n=1', '/v2/'])
})

test('several may be the first to ask', async () => {
  const server = await serve((_, response) => response.end('here'))
  const { request } = transport()
  const first = Array.from({ length: 10 }, (_, index) => request(get(server.host, `/v2/${index}`)))
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual(Array(10).fill(200))
})

test('connections are used again, after redirects, refusals and requests for the head as well', async () => {
  const ports = new Set<unknown>()
  const server = await serve(({ url }, response) => {
    ports.add(response.socket?.remotePort)
    if (url === '/redirect') response.writeHead(307, { location: '/there' }).end('moved')
    else response.writeHead(url === '/none' ? 404 : 200).end('text')
  })
  const { request } = transport()
  for (const path of Array(5).fill(['/', '/redirect', '/none']).flat()) {
    await textOfBody(await request(get(server.host, path)))
    await request(get(server.host, path, { method: 'HEAD' }))
  }
  // One that is just done may not be free yet.
  expect(ports.size).toBeLessThanOrEqual(2)
})

test('many parallel requests of which some are aborted do not harm each other', async () => {
  const server = await serve((_, response) => response.end('x'.repeat(100_000)))
  const { request } = transport()
  const all = Array.from({ length: 60 }, async (_, index) => {
    const stop = new AbortController()
    const { signal } = stop
    if (index % 3 === 0) setTimeout(() => stop.abort(new Error('gone')), index / 4)
    return textOfBody(await request(get(server.host, `/${index}`, { signal }))).catch((error: Error) => error.message)
  })
  const results = await Promise.allSettled(all)
  const kept = results.filter((_, index) => index % 3 !== 0)
  expect(kept.every((result) => result.status === 'fulfilled' && result.value.length === 100_000)).toBe(true)
})

test("answers below 500 are the caller's to judge, with their body", async () => {
  const body = '{"errors":[{"code":"NAME_INVALID","message":"bad"}]}'
  const server = await serve((_, response) => response.writeHead(400).end(body))
  const response = await transport().request(get(server.host))
  expect([response.status, await textOfBody(response)]).toEqual([400, body])
})

test('a registry that does not listen is REGISTRY_UNAVAILABLE', async () => {
  const error = await transport({}, { attempts: 2 })
    .request(get('127.0.0.1:1'))
    .catch((error: unknown) => error)
  expect(error).toMatchObject({ name: 'RegistryError', code: 'REGISTRY_UNAVAILABLE' })
  expect(inspect(error)).toContain('ECONNREFUSED')
})
