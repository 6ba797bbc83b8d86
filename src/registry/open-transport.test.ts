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
