import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'
import { progressOf } from '../support/api-progress.js'
import { ScriptedRegistry } from '../support/scripted-registry.js'

const found = [
  { name: 'me/redis', description: 'A "fast" store', star_count: 12, is_automated: true },
  { name: 'redis', description: '', star_count: 465, is_official: true },
]
const opposite = process.arch === 'arm64' ? 'amd64' : 'arm64'
const lower = { 'etc/lower': 'lower' }
const upper = { 'etc/noise': randomBytes(300_000).toString('base64') }

let api: TestApi
let registry: ScriptedRegistry
beforeAll(async () => {
  api = await testApi([])
  registry = await ScriptedRegistry.start({ search: found })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

let count = 0
let path: string
let name: string
beforeEach(async () => {
  registry.heal()
  for (const { id } of await api.engine.images.list()) await api.engine.images.remove(id, { force: true })
  path = `me/app${count++}`
  name = `${registry.host}/${path}`
})

const short = (digest: string | undefined) => digest?.slice(7, 19) ?? ''
const pull = (query: string) => api.request('POST', `/images/create?fromImage=${name}&${query}`)
const add = (options = {}) => registry.addImage(path, { tag: '1', layers: [lower, upper], ...options })

/** What is told of one layer, without the repeated counts of bytes. */
function statusesOf(documents: readonly { id?: string; status: string }[], id: string): string[] {
  return documents
    .filter((document) => document.id === id)
    .map(({ status }) => status)
    .filter((status, at, all) => status !== all[at - 1])
}

const whole = [
  'Pulling fs layer',
  'Downloading',
  'Verifying Checksum',
  'Download complete',
  'Extracting',
  'Pull complete',
]

describe('a pull', () => {
  test("tells of each layer in Docker's words", async () => {
    const { layers, digest } = await add()
    const documents = progressOf((await pull('tag=1')).text)
    expect(documents[0]).toEqual({ status: 'Pulling from '.concat(path), id: '1' })
    expect(documents.slice(-2)).toEqual([
      { status: `Digest: ${digest}` },
      { status: `Status: Downloaded newer image for ${name}:1` },
    ])
    for (const layer of layers) expect(statusesOf(documents, short(layer.digest))).toEqual(whole)
    const size = layers[1]?.size ?? 0
    const downloads = documents.filter(({ id, status }) => id === short(layers[1]?.digest) && status === 'Downloading')
    expect(downloads.at(-1)).toMatchObject({
      progressDetail: { current: size, total: size },
      progress: expect.stringMatching(/^\[={50}>\] [ .\d]+kB\/[.\d]+kB$/),
    })
  })

  test('tells of layers that are here that they are', async () => {
    await add({ tag: 'base', layers: [lower] })
    await pull('tag=base')
    const { layers } = await add()
    const documents = progressOf((await pull('tag=1')).text)
    expect(statusesOf(documents, short(layers[0]?.digest))).toEqual(['Already exists'])
    expect(statusesOf(documents, short(layers[1]?.digest))).toEqual(whole)
  })

  test('of what is up to date says so', async () => {
    const { digest } = await add()
    await pull('tag=1')
    expect(progressOf((await pull('tag=1')).text)).toEqual([
      { status: `Pulling from ${path}`, id: '1' },
      { status: `Digest: ${digest}` },
      { status: `Status: Image is up to date for ${name}:1` },
    ])
  })

  test('by digest takes it for a tag', async () => {
    const { digest } = await add()
    const documents = progressOf((await pull(`tag=${encodeURIComponent(digest)}`)).text)
    expect(documents[0]).toEqual({ status: `Pulling from ${path}`, id: `${name}@${digest}` })
    expect(documents.at(-1)).toEqual({ status: `Status: Downloaded newer image for ${name}@${digest}` })
    const { document } = await api.request('GET', '/images/json')
    expect(document).toMatchObject([{ RepoTags: [], RepoDigests: [`${name}@${digest}`] }])
  })

  test('without a tag is one of the whole repository', async () => {
    await add()
    await add({ tag: '2', layers: [lower] })
    const documents = progressOf((await pull('')).text)
    const begun = documents.filter(({ status }) => status === `Pulling from ${path}`).map(({ id }) => id)
    expect(begun).toEqual(['1', '2'])
    expect(documents.at(-1)).toEqual({ status: `Status: Downloaded newer image for ${name}` })
  })

  test('takes the image for the platform that it is asked for', async () => {
    const other = await add({ tag: 'other', platform: { os: 'linux', architecture: opposite } })
    registry.addIndex(path, 'both', [await add(), other])
    await pull(`tag=both&platform=linux/${opposite}`)
    expect((await api.request('GET', `/images/${name}:both/json`)).document).toMatchObject({ Architecture: opposite })
    expect(await pull('tag=both&platform=linux/s390x')).toMatchObject({
      status: 404,
      document: { message: 'no matching manifest for linux/s390x in the manifest list entries' },
    })
    expect(await pull('tag=both&platform=a/b/c/d')).toMatchObject({ status: 400 })
    expect((await api.request('GET', `/distribution/${name}:both/json`)).document.Platforms).toHaveLength(2)
  })

  test('that fails later ends with an error', async () => {
    const { layers } = await add()
    registry.fault({ on: new RegExp(`^GET .*${layers[1]?.digest}`), effect: { kind: 'corrupt', at: 100 } })
    const { status, text } = await pull('tag=1')
    const last = progressOf(text).at(-1)
    expect({ status, last }).toEqual({
      status: 200,
      last: { error: expect.stringContaining('digest'), errorDetail: { message: last.error } },
    })
    expect((await api.request('GET', '/images/json')).document).toEqual([])
  })

  test.each([
    ['UPPER', 400, 'invalid reference format'],
    ['scratch', 400, "'scratch' is a reserved name"],
  ])('of %s is refused', async (image, status, message) => {
    expect(await api.request('POST', `/images/create?fromImage=${image}&tag=1`)).toMatchObject({
      status,
      document: { message: expect.stringContaining(message) },
    })
  })

  test('ends when its client goes away', async () => {
    await add()
    let release = () => {}
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    registry.fault({ on: /^GET .*\/blobs\//, times: 3, effect: { kind: 'hold', until } })
    const leaving = new AbortController()
    const client = api.docker(['pull', `${name}:1`], { signal: leaving.signal })
    await expect.poll(() => registry.asked(new RegExp(`^GET /v2/${path}/blobs/`)).length).toBeGreaterThan(0)
    leaving.abort()
    await expect(client).rejects.toThrow('aborted')
    // Somebody else's pull waits for one that is under way, which would never end.
    registry.heal()
    expect((await api.engine.pull(`${name}:1`)).references).toEqual([`${name}:1`])
    release()
    await setImmediate()
  })
})

describe('a push', () => {
  test('tells of layers that another repository of the registry has', async () => {
    const { layers } = await add()
    await pull('tag=1')
    const other = `${registry.host}/me/other`
    await api.request('POST', `/images/${name}:1/tag?repo=${other}&tag=1`)
    const push = async () => progressOf((await api.request('POST', `/images/${other}/push?tag=1`)).text)
    const documents = await push()
    expect(documents[0]).toEqual({ status: `The push refers to repository [${other}]` })
    expect(documents.filter(({ status }) => status === `Mounted from ${path}`)).toHaveLength(layers.length)
    expect(documents.at(-2).status).toMatch(/^1: digest: sha256:[a-f0-9]{64} size: \d+$/)
    const again = (await push()).map(({ status }) => status)
    expect(again).toEqual(expect.arrayContaining(['Preparing', 'Layer already exists']))
    expect(again).not.toContain('Pushed')
  })

  test('counts what it sends', async () => {
    await add()
    await pull('tag=1')
    await using elsewhere = await ScriptedRegistry.start()
    const other = `${elsewhere.host}/me/sent`
    await api.request('POST', `/images/${name}:1/tag?repo=${other}&tag=1`)
    const documents = progressOf((await api.request('POST', `/images/${other}/push?tag=1`)).text)
    expect(documents.filter(({ status }) => status === 'Pushed')).toHaveLength(2)
    expect(documents.find(({ progressDetail }) => progressDetail?.current > 0)).toMatchObject({
      status: 'Pushing',
      progressDetail: { current: expect.any(Number), total: expect.any(Number) },
    })
  })

  test('of what is not here is an error after its first words', async () => {
    const { status, text } = await api.request('POST', `/images/${name}/push?tag=nope`)
    const [first, last, ...more] = progressOf(text)
    expect({ status, first, more }).toEqual({
      status: 200,
      first: { status: `The push refers to repository [${name}]` },
      more: [],
    })
    expect(last.error).toBe(`An image does not exist locally with the tag: ${name}`)
    expect(await api.request('POST', '/images/UPPER/push?tag=1')).toMatchObject({ status: 400 })
  })
})

describe('a search', () => {
  test.each(['/usr/bin/docker', '/usr/local/bin/docker'])('is shown by %s', async (client) => {
    const env = { ...api.env, DOCKER_CONFIG: join(api.directory, 'search') }
    const format = '{{.Name}} {{.StarCount}} {{.IsOfficial}} {{.Description}}'
    const search = (...args: string[]) =>
      command(client, ['search', '--format', format, ...args, `${registry.host}/redis`], { env })
    const all = await search()
    expect(all).toMatchObject({ code: 0, stderr: '' })
    const lines = all.stdout.split('\n').sort()
    expect(lines).toEqual(['', expect.stringMatching(/^me\/redis 12 .*A "fast" store$/), 'redis 465 [OK] '])
    expect((await search('--filter', 'is-official=true')).stdout).toMatch(/^redis 465/)
    expect((await search('--filter', 'stars=100', '--limit', '5')).stdout).toMatch(/^redis 465/)
  })

  const search = (query: string) => api.request('GET', `/images/search?${query}`)

  test('has Docker`s fields', async () => {
    expect((await search(`term=${registry.host}/redis&limit=1`)).document).toEqual([
      { name: 'me/redis', description: 'A "fast" store', star_count: 12, is_official: false, is_automated: true },
    ])
  })

  test.each([
    ['', 'missing parameter: term'],
    ['term=x&limit=101', 'Limit 101 is outside the range of [1, 100]'],
    ['term=x&limit=zz', 'limit'],
    ['term=x&filters={"a":["b"]}', "Invalid filter 'a'"],
    ['term=x&filters={"stars":["b"]}', "Invalid filter 'stars=b'"],
    ['term=x&filters={"is-official":["b"]}', "invalid filter 'is-official=[b]'"],
  ])('%j is refused', async (query, message) => {
    expect(await search(query)).toMatchObject({ status: 400, document: { message: expect.stringContaining(message) } })
  })
})

describe('a registry with a token server', () => {
  const ada = { username: 'ada', password: 'correct-horse' }
  const headers = { 'X-Registry-Auth': Buffer.from(JSON.stringify(ada)).toString('base64url') }

  test('gives what the credentials of the request may have, and says of the rest that access is denied', async () => {
    await using closed = await ScriptedRegistry.start({ auth: { kind: 'token', ...ada, denied: ['me/secret'] } })
    for (const repository of ['me/app', 'me/secret']) await closed.addImage(repository)
    const asked = (repository: string, given?: Record<string, string>) =>
      api.request('POST', `/images/create?fromImage=${closed.host}/${repository}&tag=latest`, undefined, given)
    const denied = (repository: string) => ({
      status: 404,
      document: {
        message: expect.stringContaining(
          `pull access denied for ${closed.host}/${repository}, repository does not exist`,
        ),
      },
    })
    expect(await asked('me/app', headers)).toMatchObject({ status: 200 })
    expect(await asked('me/secret', headers)).toMatchObject(denied('me/secret'))
    const anonymous = await asked('me/app')
    expect(anonymous).toMatchObject({ status: 404, document: { message: expect.stringContaining('unauthorized') } })
    const auth = (password: string) => api.request('POST', '/auth', { ...ada, password, serveraddress: closed.host })
    expect(await auth(ada.password)).toMatchObject({ status: 200, document: { Status: 'Login Succeeded' } })
    const refused = await auth('wrong')
    expect(refused).toMatchObject({ status: 401, document: { message: expect.stringContaining('unauthorized') } })
  })
})
