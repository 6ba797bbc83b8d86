import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiAnswer, type TestApi, testApi } from '../support/api.js'
import { type Entries, tar } from '../support/archives.js'
import { serveRepository } from '../support/git-repository.js'
import { startRegistry } from '../support/registry.js'

let api: TestApi

beforeAll(async () => {
  api = await testApi()
})

afterAll(async () => {
  const leaks = await api.leaks()
  await api[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

interface BuildDocument {
  readonly stream?: string
  readonly aux?: { readonly ID: string }
  readonly error?: string
  readonly errorDetail?: { readonly code?: number; readonly message: string }
}

const documentsOf = ({ text }: ApiAnswer): BuildDocument[] =>
  text.split('\r\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))

const encoded = (parameters: Readonly<Record<string, string>>) => new URLSearchParams(parameters).toString()

const post = (parameters: Readonly<Record<string, string>>, body?: Buffer, headers: Record<string, string> = {}) =>
  api.request('POST', `/v1.41/build?${encoded(parameters)}`, body, headers)

const build = async (dockerfile: string, parameters: Readonly<Record<string, string>> = {}, files: Entries = {}) =>
  post(parameters, await tar({ Dockerfile: dockerfile, ...files }))

/** What is streamed, with `ID` for what is different each time. */
const transcriptOf = (answer: ApiAnswer) =>
  documentsOf(answer)
    .map(({ stream = '' }) => stream)
    .join('')
    .replace(/(?<=---> |in |container |built )[0-9a-f]{12}/g, 'ID')

const fileOf = async (image: string, path: string) =>
  (await api.engine.run(image, ['cat', path]).rm().output()).stdout.toString()

describe('the transcript', () => {
  const stages = `ARG UNUSED=1
FROM busybox AS slow
RUN sleep 1; echo slow
FROM busybox AS quick
RUN echo quick
FROM scratch AS nobody
COPY nothing /
FROM slow
COPY --from=quick /bin/true /quick
ENV A=1 \\
    B=2
`

  test('is in the order of the Dockerfile, whatever is done first, and leaves out what nobody needs', async () => {
    expect(transcriptOf(await build(stages, { t: 'stages', labels: '{"z":"1","a":"b c"}' }))).toBe(
      [
        'Step 1/10 : ARG UNUSED=1',
        'Step 2/10 : FROM busybox AS slow',
        ' ---> ID',
        'Step 3/10 : RUN sleep 1; echo slow',
        ' ---> Running in ID',
        'slow',
        'Removing intermediate container ID',
        ' ---> ID',
        'Step 4/10 : FROM busybox AS quick',
        ' ---> ID',
        'Step 5/10 : RUN echo quick',
        ' ---> Running in ID',
        'quick',
        'Removing intermediate container ID',
        ' ---> ID',
        'Step 6/10 : FROM slow',
        ' ---> ID',
        'Step 7/10 : COPY --from=quick /bin/true /quick',
        ' ---> ID',
        'Step 8/10 : ENV A=1     B=2',
        ' ---> ID',
        'Step 9/10 : LABEL a=b c',
        ' ---> ID',
        'Step 10/10 : LABEL z=1',
        ' ---> ID',
        'Successfully built ID',
        'Successfully tagged stages:latest',
        '',
      ].join('\n'),
    )
  })

  test('ends with the image, in a document of its own', async () => {
    const documents = documentsOf(await build('FROM busybox\n', { t: 'aux' }))
    const { id } = await api.engine.images.get('aux')
    expect(documents.filter(({ aux }) => aux)).toEqual([{ aux: { ID: id } }])
    const digits = id.slice('sha256:'.length, 'sha256:'.length + 12)
    expect(documents.slice(0, 3).map(({ stream }) => stream)).toEqual([
      'Step 1/1 : FROM busybox',
      '\n',
      ` ---> ${digits}\n`,
    ])
  })

  test('tells of the triggers of a base image, in place of its ID', async () => {
    await build('FROM busybox\nONBUILD RUN echo one\nONBUILD ENV B=1\n', { t: 'triggers' })
    expect(transcriptOf(await build('FROM triggers\nFROM scratch\nCOPY Dockerfile /\n', { target: '0' }))).toBe(
      'Step 1/1 : FROM triggers\n# Executing 2 build triggers\n ---> Running in ID\none\nRemoving intermediate container ID\n ---> ID\nSuccessfully built ID\n',
    )
    expect(transcriptOf(await build('FROM scratch\nCOPY Dockerfile /\n'))).toContain('FROM scratch\n ---> \nStep 2/2')
  })

  test('has all that a program writes, whole characters, also behind a slow stage', async () => {
    const text = `FROM busybox AS slow\nRUN sleep 1\nFROM busybox\nCOPY --from=slow /bin/true /\nRUN yes äöü | head -n 100000\n`
    const stream = transcriptOf(await build(text, { nocache: '1' }))
    expect(stream.match(/äöü\n/g)).toHaveLength(100_000)
    expect(stream).not.toContain('\ufffd')
  })

  test('of a failure ends with its code, after all that was written before', async () => {
    const answer = await build('FROM busybox AS slow\nRUN sleep 1\nFROM slow\nRUN echo before; exit 3\nRUN never\n', {
      q: '1',
    })
    expect(answer.status).toBe(200)
    const message = "The command '/bin/sh -c echo before; exit 3' returned a non-zero code: 3"
    expect(documentsOf(answer).at(-1)).toEqual({ errorDetail: { code: 3, message }, error: message })
    expect(transcriptOf(answer)).toMatch(/Step 4\/5 : RUN echo before; exit 3\n ---> Running in ID\nbefore\n$/)
  })

  test.each([
    [
      'COPY nothing /x',
      'COPY failed: file not found in build context or excluded by .dockerignore: stat nothing: file does not exist',
    ],
    [
      'ADD nothing /x',
      'ADD failed: file not found in build context or excluded by .dockerignore: stat nothing: file does not exist',
    ],
    ['RUN ["false", "a b"]', "The command 'false a b' returned a non-zero code: 1"],
    ['RUN ["/nope"]', expect.stringContaining('no such file or directory')],
    ['USER nope\nRUN id', expect.stringContaining('unable to find user nope: no matching entries in passwd file')],
  ])("says in Docker's words what fails: %s", async (instruction, message) => {
    const last = documentsOf(await build(`FROM busybox\n${instruction}\n`)).at(-1)
    expect(last).toMatchObject({ error: message, errorDetail: { message } })
  })
})

describe('a build is refused', () => {
  test.each<[string, Readonly<Record<string, string>>, string, number, string | RegExp]>([
    [
      'an unknown instruction',
      {},
      'FROM busybox\nFOO\n',
      400,
      /^dockerfile parse error.* line 2: unknown instruction: FOO/,
    ],
    ['no FROM', {}, 'RUN x\n', 400, /no build stage in current context/],
    ['an empty Dockerfile', {}, '', 400, /file with no instructions|cannot be empty/],
    ['no Dockerfile', { dockerfile: 'nope' }, 'FROM busybox\n', 500, 'Cannot locate specified Dockerfile: nope'],
    [
      'an unknown target',
      { target: 'nope' },
      'FROM busybox\n',
      400,
      /^failed to reach build target nope in Dockerfile/,
    ],
    ['a bad name', { t: 'UP' }, 'FROM busybox\n', 400, /must be lowercase/],
    ['labels that are none', { labels: '[1]' }, 'FROM busybox\n', 400, /labels|expected/i],
    ['arguments that are no JSON', { buildargs: 'x' }, 'FROM busybox\n', 400, /buildargs/],
    ['ulimits that are none', { ulimits: '{"a":1}' }, 'FROM busybox\n', 400, /./],
    ['an unknown version', { version: '3' }, 'FROM busybox\n', 400, 'invalid version 3'],
    [
      'an output that is no image',
      { outputs: '[{"Type":"local"}]' },
      'FROM busybox\n',
      501,
      /^output local is not supported/,
    ],
    ['a path as a URL', { remote: '/etc' }, 'FROM busybox\n', 400, 'remoteURL (/etc) could not be recognized as URL'],
    [
      'security options',
      { securityopt: 'x' },
      'FROM busybox\n',
      400,
      /does not support setting security options on build/,
    ],
  ])('for %s', async (_, parameters, dockerfile, status, message) => {
    const answer = await build(dockerfile, parameters)
    expect(answer).toMatchObject({
      status,
      document: { message: typeof message === 'string' ? message : expect.stringMatching(message) },
    })
  })

  test('for an archive that climbs out of its context, and one that is broken', async () => {
    const climbing = await build('FROM busybox\nCOPY . /\n', {}, { '../../out': 'x' })
    expect(climbing.status).toBe(400)
    const whole = gzipSync(await tar({ Dockerfile: 'FROM busybox\n', a: Buffer.alloc(100_000, 'x') }))
    expect((await post({}, whole.subarray(0, -20))).status).toBe(400)
  })

  test('though most of its context was not read: the client is told why', async () => {
    const context = await tar({ Dockerfile: 'FOO', z: Buffer.alloc(30_000_000, 'x') })
    expect(await post({ version: '3' }, context)).toMatchObject({
      status: 400,
      document: { message: 'invalid version 3' },
    })
  })

  test('for a Dockerfile that is a path of this host', async () => {
    const answer = await build('FROM busybox\n', { dockerfile: '/etc/passwd' })
    expect(answer).toMatchObject({
      status: 500,
      document: { message: 'Cannot locate specified Dockerfile: etc/passwd' },
    })
  })
})

test.each([
  ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  ['bzip2', (bytes: Buffer) => execFileSync('bzip2', { input: bytes })],
  ['xz', (bytes: Buffer) => execFileSync('xz', { input: bytes })],
])('a context may be compressed with %s', async (name, compress) => {
  const context = compress(await tar({ 'sub/Dockerfile': 'FROM busybox\nCOPY a /\n', a: name }))
  expect((await post({ t: 'compressed', dockerfile: '/sub/Dockerfile' }, context)).status).toBe(200)
  expect(await fileOf('compressed', '/a')).toBe(name)
})

test('a context may be elsewhere: the engine fetches it', async () => {
  await using repository = await serveRepository({ Dockerfile: 'FROM busybox\nCOPY a /\n', a: 'git' })
  expect((await post({ t: 'remote', remote: `${repository.url}.git` })).status).toBe(200)
  expect(await fileOf('remote', '/a')).toBe('git')
})

test('arguments without a value are those that the client has not', async () => {
  const text = 'FROM busybox\nARG A=default\nARG B\nRUN echo $A $B >/args\n'
  await build(text, { t: 'args', buildargs: '{"A":null,"B":"given"}' })
  expect(await fileOf('args', '/args')).toBe('default given\n')
})

test('credentials of a build are for that build alone', async () => {
  const login = { username: 'me', password: 'secret' }
  await using registry = await startRegistry({ login })
  const base = `${registry.host}/base:1`
  await api.engine.build().dockerfile('FROM busybox\nRUN echo base >/base\n').tag(base)
  const image = await api.engine.images.get(base)
  await image.push(base, { auth: login })
  await image.remove()
  const context = await tar({ Dockerfile: `FROM ${base}\n` })
  const config = (auth: object) => ({
    'X-Registry-Config': Buffer.from(JSON.stringify({ [`https://${registry.host}/v1/`]: auth })).toString('base64'),
  })
  const errorOf = async (headers: Record<string, string>) => documentsOf(await post({}, context, headers)).at(-1)?.error
  expect(await errorOf({})).toMatch(/no basic auth credentials|unauthorized|denied/i)
  expect(await errorOf(config({ ...login, password: 'other' }))).toBeDefined()
  const answer = await post({}, context, config(login))
  expect(documentsOf(answer).at(-1)?.error).toBe(undefined)
  expect(answer.text).toContain('"Pulling from base"')
  expect(answer.text).not.toContain(login.password)
  await (await api.engine.images.get(base)).remove({ force: true })
  expect(await errorOf({})).toBeDefined()
  const pair = Buffer.from(`${login.username}:${login.password}`).toString('base64')
  expect(await errorOf(config({ auth: pair }))).toBe(undefined)
})

test('caches of images that are not here, or were built here, are asked of nobody', async () => {
  await build('FROM busybox\nRUN true\n', { t: 'nowhere.invalid/built' })
  const cachefrom = JSON.stringify(['nowhere.invalid/missing', 'nowhere.invalid/built', 'NO NAME'])
  const began = performance.now()
  expect(transcriptOf(await build('FROM busybox\nRUN true\n', { cachefrom }))).toContain('Using cache')
  // Looking for a registry takes as long as its attempts.
  expect(performance.now() - began).toBeLessThan(4000)
})

test('a build may be squashed, though its clients do not ask for it', async () => {
  const text = 'FROM busybox\nRUN echo one >/one\nRUN echo two >/two\n'
  const layersOf = async (name: string) => (await (await api.engine.images.get(name)).inspect()).RootFS.Layers.length
  await build(text, { t: 'squash:no' })
  await build(text, { t: 'squash:yes', squash: '1' })
  expect((await layersOf('squash:no')) - (await layersOf('squash:yes'))).toBe(1)
})

describe('POST /build/cancel', () => {
  test('ends a build by its id, and tells who waits for it', async () => {
    const building = build('FROM busybox\nRUN sleep 1000\n', { buildid: 'mine' })
    const running = async () => (await api.engine.containers.list()).length
    await expect.poll(running, { timeout: 20_000 }).toBe(1)
    expect((await api.request('POST', '/build/cancel?id=other')).status).toBe(200)
    expect(await running()).toBe(1)
    expect((await api.request('POST', '/build/cancel?id=mine')).status).toBe(200)
    expect(documentsOf(await building).at(-1)).toMatchObject({ error: 'context canceled' })
    expect(await running()).toBe(0)
  })

  test('needs an id', async () => {
    expect(await api.request('POST', '/build/cancel')).toMatchObject({
      status: 400,
      document: { message: 'build ID not provided' },
    })
  })
})

test('a client that leaves in the middle of its context leaves nothing', async () => {
  const context = await tar({ Dockerfile: 'FROM busybox\n', a: Buffer.alloc(1_000_000) })
  const socket = connect(api.socket)
  socket.write(`POST /build HTTP/1.1\r\nHost: d\r\nContent-Length: ${context.length}\r\n\r\n`)
  await new Promise((resolve) => socket.write(context.subarray(0, 500_000), resolve))
  socket.destroy()
  await expect.poll(() => api.leaks(), { timeout: 20_000 }).toEqual([])
})

describe('POST /build/prune', () => {
  test('removes what builds have left, and says how much', async () => {
    await build('FROM busybox\nRUN head -c 100000 /dev/zero >/zeros\n', { nocache: '1', t: 'zeros' })
    await (await api.engine.images.get('zeros')).remove()
    const filtered = (filters: object, all = '0') =>
      api.request('POST', `/build/prune?${encoded({ all, filters: JSON.stringify(filters) })}`)
    expect((await filtered({ until: ['24h'] }, '1')).document).toEqual({ CachesDeleted: null, SpaceReclaimed: 0 })
    expect((await filtered({ label: ['a'] }, '1')).document).toEqual({ CachesDeleted: null, SpaceReclaimed: 0 })
    expect(await filtered({ nope: ['a'] })).toMatchObject({
      status: 400,
      document: { message: "failed to prune build cache: Invalid filter 'nope'" },
    })
    const { document } = await filtered({ 'label!': ['a'] }, '1')
    expect(document.CachesDeleted.length).toBeGreaterThan(0)
    expect(document.SpaceReclaimed).toBeGreaterThanOrEqual(100_000)
    expect((await filtered({}, '1')).document).toEqual({ CachesDeleted: null, SpaceReclaimed: 0 })
  })

  test('is what docker builder prune asks for', async () => {
    await build('FROM busybox\nRUN echo x >/x\n', { nocache: '1' })
    const { code, stdout } = await api.docker(['builder', 'prune', '--all', '--force', '--keep-storage', '10GB'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Total reclaimed space: 0B\n' })
    expect((await api.docker(['builder', 'prune', '--all', '--force'])).stdout).toContain('Deleted')
  })
})
