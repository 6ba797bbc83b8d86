import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { failure } from './failures.js'

const response = (status: number, body: string | Buffer, path = '/v2/x/manifests/y') => ({
  status,
  headers: {},
  body: Readable.from([Buffer.from(body)]),
  url: `https://reg.example${path}`,
})
const said = (code: string, message = 'no', detail?: unknown) => JSON.stringify({ errors: [{ code, message, detail }] })

test.each([
  [401, said('UNAUTHORIZED'), 'AuthError', 'UNAUTHORIZED'],
  [403, said('DENIED'), 'AuthError', 'ACCESS_DENIED'],
  [403, '', 'AuthError', 'ACCESS_DENIED'],
  [404, said('MANIFEST_UNKNOWN'), 'RegistryError', 'MANIFEST_NOT_FOUND'],
  [404, said('NAME_UNKNOWN'), 'RegistryError', 'MANIFEST_NOT_FOUND'],
  [404, '', 'RegistryError', 'MANIFEST_NOT_FOUND'],
  [404, said('BLOB_UNKNOWN'), 'RegistryError', 'BLOB_NOT_FOUND'],
  [429, said('TOOMANYREQUESTS'), 'RegistryError', 'REGISTRY_RATE_LIMITED'],
  [500, said('DENIED'), 'RegistryError', 'REGISTRY_UNAVAILABLE'],
  [400, said('NAME_INVALID'), 'RegistryError', 'REGISTRY_FAILED'],
  [418, '<html>', 'RegistryError', 'REGISTRY_FAILED'],
])('a %i with %j is a %s %s', async (status, body, name, code) => {
  expect(await failure(response(status, body), 'x:y')).toMatchObject({ name, code, details: { status, name: 'x:y' } })
})

test.each(['/v2/x/blobs/sha256:0', '/v2/x/blobs/sha256:0?ns=y'])('a 404 of %s is BLOB_NOT_FOUND', async (path) => {
  for (const body of ['', said('NOT_FOUND'), said('NAME_UNKNOWN')])
    expect(await failure(response(404, body, path), 'x')).toMatchObject({ code: 'BLOB_NOT_FOUND' })
})

test('a 404 of an upload is no blob that is missing', async () => {
  const unknown = response(404, said('BLOB_UPLOAD_UNKNOWN'), '/v2/x/blobs/uploads/1')
  expect(await failure(unknown, 'x', 'push')).toMatchObject({ code: 'REGISTRY_FAILED' })
})

test("the messages have Docker's words", async () => {
  const denied = await failure(response(403, said('DENIED', 'requested access to the resource is denied')), 'x', 'push')
  expect(denied.message).toBe(
    "push access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
  )
  const unknown = await failure(response(404, said('MANIFEST_UNKNOWN', 'manifest unknown')), 'x:y')
  expect(unknown.message).toBe('manifest for x:y not found: manifest unknown: manifest unknown')
})

test('a body that is not as it should be is taken for none, and of a long one only the beginning is read', async () => {
  for (const body of ['[]', '{"errors":7}', '{"errors":["x",null]}', '\0\xff', `{"errors":"${'x'.repeat(1e6)}`])
    expect((await failure(response(400, body), 'x')).details.errors).toEqual([])
  const many = JSON.stringify({ errors: Array(100).fill({ code: 'A', message: 'b' }) })
  expect((await failure(response(400, many), 'x')).details.errors).toHaveLength(16)
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(1024, 'x')
    })(),
  )
  expect(await failure({ ...response(400, ''), body: endless }, 'x')).toMatchObject({ code: 'REGISTRY_FAILED' })
  expect(endless.destroyed).toBe(true)
})

test('what a stranger writes moves no cursor and is bounded', async () => {
  const { message, details } = await failure(response(400, said('A\u001b[2J', 'x'.repeat(1e4), 'y'.repeat(1e4))), 'x')
  expect(message).not.toContain('\u001b')
  expect(message.length).toBeLessThan(1200)
  expect(JSON.stringify(details).length).toBeLessThan(4000)
})

test('the query of a URL, which may be signed, is not told', async () => {
  const { details } = await failure(response(400, '', '/v2/x?X-Amz-Signature=secret'), 'x')
  expect(details.url).toBe('https://reg.example/v2/x')
})

test('a body that breaks off leaves the status', async () => {
  const broken = new Readable({ read: () => broken.destroy(new Error('reset')) })
  expect(await failure({ ...response(404, ''), body: broken }, 'x')).toMatchObject({ code: 'MANIFEST_NOT_FOUND' })
})
