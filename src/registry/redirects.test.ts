import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { type Asked, get, makeAuthority, serve, textOfBody, transport } from './fixture.js'

const trusted = makeAuthority()
const certificate = trusted.issue('IP:127.0.0.1')

const auth = { username: 'ada', password: 'correct-horse' }
const authorizations = (asked: readonly Asked[]) => asked.map(({ headers }) => headers.authorization !== undefined)

/** Answers as `then` does to those who have logged in with Basic. */
function basicRegistry(then: Parameters<typeof serve>[0]) {
  return serve((request, response, count) => {
    if (request.headers.authorization) then(request, response, count)
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
  })
}

test('a redirect to another origin gets no credentials, but the range', async () => {
  const elsewhere = await serve((_, response) => response.end('blob'))
  const registry = await basicRegistry((_, response) =>
    response.writeHead(307, { location: `http://${elsewhere.host}/signed?x=y` }).end(),
  )
  const asked = get(registry.host, '/v2/x/blobs/y', { auth, headers: { range: 'bytes=5-' } })
  const response = await transport().request(asked)
  expect([await textOfBody(response), response.url]).toEqual(['blob', `http://${elsewhere.host}/signed?x=y`])
  expect(authorizations(registry.asked)).toEqual([false, true])
  expect(authorizations(elsewhere.asked)).toEqual([false])
  expect(elsewhere.asked[0]?.headers.range).toBe('bytes=5-')
})

test('credentials are not sent again after a redirect has left the registry, even back to it', async () => {
  const elsewhere = await serve((_, response) =>
    response.writeHead(302, { location: `http://${registry.host}/back` }).end(),
  )
  const registry = await serve((request, response) => {
    if (request.url === '/back') response.end('back')
    else if (!request.headers.authorization) response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
    else response.writeHead(302, { location: `http://${elsewhere.host}/` }).end()
  })
  expect(await textOfBody(await transport().request(get(registry.host, '/v2/', { auth })))).toBe('back')
  expect(authorizations(registry.asked)).toEqual([false, true, false])
})

test('a redirect within the registry keeps them', async () => {
  const registry = await basicRegistry(({ url }, response) =>
    url === '/v2/' ? response.writeHead(301, { location: 'there' }).end() : response.end('there'),
  )
  expect(await textOfBody(await transport().request(get(registry.host, '/v2/', { auth })))).toBe('there')
  expect(authorizations(registry.asked)).toEqual([false, true, true])
})

test('whoever was redirected to gets no credentials by asking for them', async () => {
  const elsewhere = await serve((_, response) =>
    response.writeHead(401, { 'www-authenticate': 'Basic realm="mine"' }).end(),
  )
  const registry = await serve((_, response) =>
    response.writeHead(307, { location: `http://${elsewhere.host}/` }).end(),
  )
  const error = transport().request(get(registry.host, '/v2/', { auth }))
  await expect(error).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  expect(authorizations([...registry.asked, ...elsewhere.asked])).toEqual([false, false])
})

test('a redirect from HTTPS to plain HTTP is refused', async () => {
  const plain = await serve((_, response) => response.end())
  const registry = await serve(
    (_, response) => response.writeHead(307, { location: `http://${plain.host}/x?signature=s` }).end(),
    certificate,
  )
  const { request } = transport({ registries: { [registry.host]: { insecure: false, ca: trusted.ca } } })
  const error = await request(get(registry.host)).catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'REGISTRY_INVALID' })
  expect(inspect(error)).not.toContain('signature')
  expect(plain.asked).toEqual([])
})

test('an insecure registry may redirect to plain HTTP', async () => {
  const plain = await serve((_, response) => response.end('plain'))
  const registry = await serve(
    (_, response) => response.writeHead(307, { location: `http://${plain.host}/` }).end(),
    certificate,
  )
  expect(await textOfBody(await transport().request(get(registry.host)))).toBe('plain')
})

test.each([
  ['with credentials', 'http://ada:correct-horse@127.0.0.1:1/'],
  ['to a file', 'file:///etc/passwd'],
  ['to no URL', 'http://[correct-horse/'],
])('a redirect %s is refused', async (_, location) => {
  const registry = await serve((_, response) => response.writeHead(302, { location }).end())
  const error = await transport()
    .request(get(registry.host))
    .catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'REGISTRY_INVALID' })
  expect(inspect(error, { depth: 10 })).not.toContain('correct-horse')
})

test('redirects without end are refused', async () => {
  const registry = await serve((_, response, count) => response.writeHead(302, { location: `/${count}` }).end())
  await expect(transport().request(get(registry.host))).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
  expect(registry.asked).toHaveLength(11)
})

test('a redirect that keeps the method takes the body with it', async () => {
  const elsewhere = await serve((_, response) => response.writeHead(201).end())
  const registry = await serve((_, response) =>
    response.writeHead(307, { location: `http://${elsewhere.host}/up` }).end(),
  )
  const put = get(registry.host, '/v2/x', { method: 'PUT', body: Buffer.from('bytes') })
  expect((await transport().request(put)).status).toBe(201)
  expect(elsewhere.asked).toMatchObject([{ method: 'PUT', url: '/up', body: 'bytes' }])
})

test("a redirect that would change the method is the caller's to judge", async () => {
  const registry = await serve((_, response) => response.writeHead(303, { location: '/elsewhere' }).end())
  const response = await transport().request(get(registry.host, '/v2/x', { method: 'POST' }))
  expect([response.status, response.headers.location]).toEqual([303, '/elsewhere'])
})

test('a whole URL of the registry gets its credentials, one of another server none', async () => {
  const elsewhere = await serve((_, response) => response.end('elsewhere'))
  const registry = await basicRegistry((_, response) => response.end('own'))
  const { request } = transport()
  const own = await request(get(registry.host, `http://${registry.host}/v2/x?page=2`, { auth }))
  expect(await textOfBody(own)).toBe('own')
  const other = await request(get(registry.host, `http://${elsewhere.host}/v2/x`, { auth }))
  expect(await textOfBody(other)).toBe('elsewhere')
  expect(authorizations(elsewhere.asked)).toEqual([false])
})

test('a whole URL of plain HTTP is not asked for by a secure registry', async () => {
  const plain = await serve((_, response) => response.end())
  const { request } = transport({ registries: { [plain.host]: { insecure: false } } })
  await expect(request(get(plain.host, `http://${plain.host}/v2/x`))).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
  })
  expect(plain.asked).toEqual([])
})
