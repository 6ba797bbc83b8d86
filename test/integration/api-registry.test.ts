import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'
import { progressOf } from '../support/api-progress.js'
import { startRegistry, type TestRegistry } from '../support/registry.js'

const login = { username: 'ada', password: 'correct-horse' }

let api: TestApi
let open: TestRegistry
let closed: TestRegistry
beforeAll(async () => {
  api = await testApi(['busybox'])
  open = await startRegistry()
  closed = await startRegistry({ login })
})
afterAll(async () => {
  await closed[Symbol.asyncDispose]()
  await open[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

/** The clients of the machine: Debian's, and a new one. */
const clients = [
  ['20.10', '/usr/bin/docker'],
  ['28.2', '/usr/local/bin/docker'],
] as const

const header = (document: object) => ({
  'X-Registry-Auth': Buffer.from(JSON.stringify(document)).toString('base64url'),
})

describe.each(clients)('docker %s', (version, client) => {
  const docker = (...args: string[]) =>
    command(client, args, { env: { ...api.env, DOCKER_CONFIG: join(api.directory, `config-${version}`) } })
  const name = () => `${open.host}/me/app:${version}`

  test('pushes and pulls', async () => {
    await docker('tag', 'busybox', name())
    const pushed = await docker('push', name())
    expect(pushed).toMatchObject({ code: 0, stderr: '' })
    expect(pushed.stdout).toMatch(/^The push refers to repository \[127\.0\.0\.1:\d+\/me\/app\]\n/)
    const [, digest] = new RegExp(`${version}: digest: (sha256:[a-f0-9]{64}) size: \\d+\n`).exec(pushed.stdout) ?? []
    expect(digest).toBeDefined()
    await docker('rmi', name())
    const pulled = await docker('pull', name())
    expect(pulled).toMatchObject({ code: 0, stderr: '' })
    expect(pulled.stdout.split('\n')).toEqual(
      expect.arrayContaining([
        `${version}: Pulling from me/app`,
        `Digest: ${digest}`,
        `Status: Downloaded newer image for ${name()}`,
        name(),
      ]),
    )
    expect((await docker('pull', name())).stdout).toContain(`Status: Image is up to date for ${name()}\n`)
    expect((await docker('pull', '-q', `${open.host}/me/app@${digest}`)).stdout).toBe(`${open.host}/me/app@${digest}\n`)
    const { stdout } = await docker('images', '--digests', '--format', '{{.Tag}} {{.Digest}}', `${open.host}/me/app`)
    expect(stdout).toContain(`${version} ${digest}\n`)
  })

  test('pushes and pulls all tags', async () => {
    for (const tag of ['a', 'b']) await docker('tag', 'busybox', `${open.host}/me/all-${version}:${tag}`)
    const { code, stdout } = await docker('push', '--all-tags', `${open.host}/me/all-${version}`)
    expect({ code, tags: stdout.match(/^[ab]: digest:/gm) }).toEqual({ code: 0, tags: ['a: digest:', 'b: digest:'] })
    await docker('rmi', `${open.host}/me/all-${version}:a`)
    const pulled = await docker('pull', '-a', `${open.host}/me/all-${version}`)
    expect(pulled.stdout).toContain('a: Pulling from me/all')
    expect(pulled.stdout).toContain(`Status: Downloaded newer image for ${open.host}/me/all-${version}\n`)
  })

  test('is told what is not there', async () => {
    expect(await docker('pull', `${open.host}/me/app:nope`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`manifest for ${open.host}/me/app:nope not found: manifest unknown`),
    })
    expect(await docker('push', `${open.host}/me/nope:1`)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/tag does not exist|does not exist locally/),
    })
  })

  test('logs in to push and pull, and out again; nothing is stored but by the client', async () => {
    const own = `${closed.host}/me/private:${version}`
    await docker('tag', 'busybox', own)
    expect(await docker('push', own)).toMatchObject({ code: 1, stderr: expect.stringContaining('access denied') })
    const attempt = (password: string) => docker('login', '-u', login.username, '-p', password, closed.host)
    expect(await attempt('wrong')).toMatchObject({ code: 1, stderr: expect.stringContaining('401 Unauthorized') })
    expect(await attempt(login.password)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Login Succeeded'),
    })
    expect(await docker('push', own)).toMatchObject({ code: 0 })
    await docker('rmi', own)
    expect(await docker('pull', own)).toMatchObject({ code: 0 })
    await docker('logout', closed.host)
    expect(await docker('pull', own)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `pull access denied for ${closed.host}/me/private, repository does not exist or may require 'docker login'`,
      ),
    })
  })
})

describe('X-Registry-Auth', () => {
  const path = () => `/images/create?fromImage=${closed.host}/me/app&tag=1`
  beforeAll(async () => {
    const name = `${closed.host}/me/app:1`
    await (await api.engine.images.get('busybox')).tag(name)
    await api.engine.images.push(name, { auth: login })
  })

  test.each([
    ['base64 with its padding', (text: string) => Buffer.from(text).toString('base64')],
    ['base64url without', (text: string) => Buffer.from(text).toString('base64url')],
  ])('is %s', async (_, encode) => {
    const document = JSON.stringify({ ...login, email: 'ä?>~@example.com', serveraddress: closed.host })
    const { status, text } = await api.request('POST', path(), undefined, { 'X-Registry-Auth': encode(document) })
    expect(status).toBe(200)
    expect(progressOf(text).at(-1).status).toBe(`Status: Image is up to date for ${closed.host}/me/app:1`)
  })

  test.each([
    ['missing', {}],
    ['an empty document', header({})],
    ['no document', { 'X-Registry-Auth': '%%%' }],
    ['of somebody else', header({ username: 'eve', password: 'x' })],
  ])('%s gives no access to what needs one', async (_, headers) => {
    const answer = await api.request('POST', path(), undefined, headers as Record<string, string>)
    expect(answer).toMatchObject({ status: 404, document: { message: expect.stringContaining('pull access denied') } })
  })

  test('is not used for the next request', async () => {
    expect((await api.request('POST', path(), undefined, header(login))).status).toBe(200)
    expect((await api.request('POST', path())).status).toBe(404)
  })

  test('of a push may be missing where nobody asks for it', async () => {
    await (await api.engine.images.get('busybox')).tag(`${open.host}/me/plain:1`)
    const { status, text } = await api.request('POST', `/images/${open.host}/me/plain/push?tag=1`)
    expect({ status, last: progressOf(text).at(-1) }).toMatchObject({
      status: 200,
      last: {
        progressDetail: {},
        aux: { Tag: '1', Digest: expect.stringMatching(/^sha256:[a-f0-9]{64}$/), Size: expect.any(Number) },
      },
    })
  })
})

describe('POST /auth', () => {
  const auth = (document: unknown) => api.request('POST', '/auth', document)

  test('says that credentials are right, and stores nothing', async () => {
    expect(await auth({ ...login, serveraddress: closed.host })).toMatchObject({
      status: 200,
      document: { Status: 'Login Succeeded', IdentityToken: '' },
    })
    const answer = await auth({ ...login, serveraddress: `http://${closed.host}/v2/` })
    expect(answer).toMatchObject({ status: 200 })
    const stored = await readFile(join(process.env.HOME ?? '/root', '.docker/config.json'), 'utf8').catch(() => '')
    expect(stored).not.toContain(closed.host)
  })

  test('says that they are wrong', async () => {
    const answer = await auth({ username: 'ada', password: 'wrong', serveraddress: closed.host })
    expect(answer).toMatchObject({
      status: 401,
      document: {
        message: expect.stringContaining(
          `login attempt to http://${closed.host}/v2/ failed with status: 401 Unauthorized`,
        ),
      },
    })
    expect(answer.text).not.toContain('wrong')
  })

  test.each([[{ username: 3 }], [{ username: 'ada', serveraddress: '///' }], ['text']])(
    'refuses %j',
    async (document) => {
      expect(await auth(document)).toMatchObject({ status: 400 })
    },
  )
})

describe('GET /distribution/{name}/json', () => {
  const inspect = (name: string, headers = {}) =>
    api.request('GET', `/distribution/${name}/json`, undefined, headers as Record<string, string>)

  test('tells the digest and the platforms', async () => {
    const name = `${open.host}/me/dist:1`
    await (await api.engine.images.get('busybox')).tag(name)
    const [pushed] = await api.engine.images.push(name)
    expect(await inspect(name)).toMatchObject({
      status: 200,
      document: {
        Descriptor: { mediaType: expect.stringContaining('manifest'), digest: pushed?.digest, size: pushed?.size },
        Platforms: [{ architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux' }],
      },
    })
  })

  test('tells what is not there, or may not be seen', async () => {
    expect(await inspect(`${open.host}/me/dist:nope`)).toMatchObject({
      status: 404,
      document: { message: expect.stringContaining('manifest unknown') },
    })
    expect(await inspect(`${closed.host}/me/app:1`)).toMatchObject({ status: 401 })
    expect(await inspect(`${closed.host}/me/app:1`, header(login))).toMatchObject({ status: 200 })
    expect(await inspect('UPPER')).toMatchObject({ status: 400 })
  })
})
