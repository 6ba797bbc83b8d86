import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import type { Digest } from '../content/digest.js'
import { directory, get, listen, serve, transport } from './fixture.js'
import { openRegistries } from './index.js'
import { openRepository } from './repository.js'

const context = (registry: string) => ({
  transport: transport(),
  registry,
  path: 'x',
  familiar: 'x',
  auth: undefined,
  tuning: { attempts: 1 },
})

const registriesOf = () => openRegistries({ dockerConfigDirectory: directory() }, { attempts: 1 })

const answering = (status: number, body: string) =>
  serve((_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body))

test.each(['constructor', '__proto__', 'toString'])('an error whose code is %s is one like any other', async (code) => {
  const { host } = await answering(400, JSON.stringify({ errors: [{ code, message: 'no' }] }))
  const error = await openRepository(context(host))
    .manifest('y')
    .catch((error) => error)
  expect(error).toMatchObject({ name: 'RegistryError', code: 'REGISTRY_FAILED' })
})

test('the details of an error are in bounds, however deep they are nested', async () => {
  const detail = `${'['.repeat(30_000)}"\\u009b"${']'.repeat(30_000)}`
  const { host } = await answering(400, `{"errors":[{"code":"DENIED","message":"no","detail":${detail}}]}`)
  const error = await openRepository(context(host))
    .manifest('y')
    .catch((error) => error)
  expect(error).toMatchObject({ name: 'AuthError', code: 'ACCESS_DENIED' })
})

test('no answer puts control characters into an error', async () => {
  const server = await serve((_, response) => {
    response.socket?.end(
      Buffer.concat([
        Buffer.from(
          'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: x\u009b31m\r\ndocker-content-digest: y\u009b31m\r\n\r\n{}',
          'latin1',
        ),
      ]),
    )
  })
  for (const ask of ['manifest', 'manifestHead'] as const) {
    const error = await openRepository(context(server.host))
      [ask]('y')
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'REGISTRY_INVALID' })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect((error as Error).message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  }
})

test('a digest of another algorithm than sha256 is refused, not taken for a tag', async () => {
  const server = await answering(200, '{"schemaVersion":2}')
  const error = openRepository(context(server.host)).manifest(`sha512:${'0'.repeat(128)}`)
  await expect(error).rejects.toMatchObject({ code: 'INVALID_REFERENCE' })
  expect(server.asked).toEqual([])
})

test('a server that only ever says that it will answer is given up', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => {})
    const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(10)), 20)
    socket.once('close', () => clearInterval(timer))
  })
  const { host } = await listen(server)
  const patient = transport({}, { headersTimeoutMs: 700, attempts: 1 })
  await expect(patient.request(get(host))).rejects.toMatchObject({ name: 'RegistryError' })
}, 10_000)

test('a flood of headers is cut off', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => {})
    socket.write('HTTP/1.1 200 OK\r\n')
    const timer = setInterval(() => socket.write(`x-${'a'.repeat(100)}: ${'b'.repeat(1000)}\r\n`.repeat(10)), 5)
    socket.once('close', () => clearInterval(timer))
  })
  const { host } = await listen(server)
  await expect(transport().request(get(host))).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
})

test.each(['location', 'www-authenticate', 'link', 'retry-after'])('a huge %s is refused', async (name) => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => {})
    socket.end(`HTTP/1.1 401 No\r\ncontent-length: 0\r\n${name}: ${'<'.repeat(1 << 20)}\r\n\r\n`)
  })
  const { host } = await listen(server)
  await expect(transport().request(get(host))).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
})

test.each(['registry-token', 'identity-token', 'username'])('a %s cannot add a header', async (what) => {
  const evil = 'x\r\nx-injected: 1'
  const auth =
    what === 'registry-token'
      ? { registryToken: evil }
      : what === 'username'
        ? { username: evil, password: evil }
        : { identityToken: evil }
  const server = await serve((request, response) =>
    request.url?.startsWith('/token')
      ? response.end('{"token":"x"}')
      : response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end(),
  )
  const error = await transport()
    .request(get(server.host, '/v2/', { auth }))
    .catch((error) => error)
  expect(server.asked.some(({ headers }) => 'x-injected' in headers)).toBe(false)
  expect(inspect(error)).not.toContain('x-injected')
})

test('a page of very many names is a list like any other', async () => {
  const names = Array.from({ length: 400_000 }, (_, at) => `a${at}`)
  const { host } = await answering(200, JSON.stringify({ repositories: names }))
  expect(await registriesOf().catalog(host)).toHaveLength(names.length)
})

test.each(['reg.example@evil.example', 'reg.example:80:90', 'a b.c', 'x.y#z', 'x.y?z', 'x.y\\z', ''])(
  '%j is no registry to be searched or listed',
  async (name) => {
    const registries = registriesOf()
    const invalid = { code: 'INVALID_OPTION' }
    if (name !== '') await expect(registries.search(`${name}/x`)).rejects.toMatchObject(invalid)
    await expect(registries.catalog(name)).rejects.toMatchObject(invalid)
  },
)

test('a registry that takes an upload by the byte is given up', async () => {
  const server = await serve(({ method, url }, response) => {
    const taken = Number(new URL(url, 'http://x').searchParams.get('taken') ?? -1) + 1
    const location = `/v2/x/blobs/uploads/1?taken=${taken}`
    if (method === 'POST') response.writeHead(202, { location }).end()
    else if (method === 'PATCH') response.writeHead(202, { location, range: `0-${taken}` }).end()
    else if (method === 'GET') response.writeHead(204, { location, range: `0-${taken}` }).end()
    else response.writeHead(404).end()
  })
  const blob = { digest: `sha256:${'0'.repeat(64)}` as Digest, size: 3 << 20 }
  const read = async function* (offset: number) {
    yield Buffer.alloc(blob.size - offset)
  }
  const tuning = { attempts: 3, firstDelayMs: 1 }
  const upload = openRepository({ ...context(server.host), tuning }).uploadBlob(blob, read)
  await expect(upload).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  expect(server.asked.filter(({ method }) => method === 'PATCH').length).toBeLessThanOrEqual(3)
})
