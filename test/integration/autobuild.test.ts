import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import type { Autobuild, AutobuildEvent, AutobuildOptions, Engine } from '../../src/index.js'
import { testEngine } from '../support/engine.js'
import { serveRepository } from '../support/git-repository.js'
import { startRegistry } from '../support/registry.js'

const dockerfile = 'FROM busybox\nCOPY version /\nCMD ["cat", "/version"]\n'

type Kind = AutobuildEvent['kind']
type Named<K extends Kind> = Extract<AutobuildEvent, { kind: K }>

/** Events of a watched repository, one after the other. */
function watching(engine: Engine, options: AutobuildOptions) {
  const builds = engine.autobuild({ interval: false, ...options })
  onTestFinished(() => builds.close())
  const loop = builds[Symbol.asyncIterator]()
  const seen: AutobuildEvent[] = []
  return {
    builds,
    seen,
    /** The next event of a kind. */
    async next<K extends Kind>(kind: K): Promise<Named<K>> {
      for (let next = await loop.next(); next.done !== true; next = await loop.next()) {
        seen.push(next.value)
        if (next.value.kind === kind) return next.value as Named<K>
      }
      throw new Error(`it ended without ${kind}: ${JSON.stringify(seen.map((event) => event.kind))}`)
    },
    isOver: async () => (await loop.next()).done === true,
  }
}

const outputOf = async (engine: Engine, image: string) => (await engine.run(image).rm().output()).stdout

/** An HTTP server with a webhook, and what it answers. */
async function serve(builds: Autobuild, secret: string) {
  const server = createServer(builds.webhook({ secret })).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return async (headers: Record<string, string>, body = '{}', method = 'POST') =>
    (await fetch(url, { method, headers, ...(method === 'POST' && { body }) })).status
}

test('each new commit of the branch is built and pushed, when a webhook tells of it', async () => {
  await using registry = await startRegistry()
  await using repository = await serveRepository({ Dockerfile: dockerfile, version: '1' })
  await using place = await testEngine()
  const { engine } = place
  const repositoryName = `${registry.host}/me/app`
  const { builds, next } = watching(engine, {
    git: repository.url,
    branch: 'main',
    image: [`${repositoryName}:latest`, `${repositoryName}:{shortCommit}`],
    push: true,
  })
  const first = await next('built')
  expect(await outputOf(engine, `${repositoryName}:latest`)).toBe('1')
  const { Config } = await first.image.inspect()
  expect(Config.Labels).toEqual({
    'org.opencontainers.image.revision': first.commit,
    'org.opencontainers.image.source': repository.url,
  })
  expect([(await next('pushed')).reference, (await next('pushed')).reference].sort()).toEqual(
    [`${repositoryName}:${first.commit.slice(0, 12)}`, `${repositoryName}:latest`].sort(),
  )

  const call = await serve(builds, 'of the tests')
  const commit = repository.commit({ version: '2' })
  const body = JSON.stringify({ ref: 'refs/heads/main', after: commit })
  const signature = `sha256=${createHmac('sha256', 'of the tests').update(body).digest('hex')}`
  expect(await call({ 'x-hub-signature-256': signature }, body)).toBe(202)
  expect((await next('built')).commit).toBe(commit)
  const { digest } = await next('pushed')
  await engine.images.remove(`${repositoryName}:latest`)
  await engine.pull(`${repositoryName}@${digest}`)
  expect(await outputOf(engine, `${repositoryName}@${digest}`)).toBe('2')
  await builds.close()
  expect(await place.leaks()).toEqual([])
})

test('a repository is asked in an interval; a directory of it is the context, another Dockerfile its own', async () => {
  await using repository = await serveRepository({ 'sub/dev.Dockerfile': dockerfile, 'sub/version': '1' })
  repository.commit({ 'sub/version': 'of a branch' }, 'stable')
  repository.commit({ 'sub/version': 'of main' }, 'main')
  await using place = await testEngine()
  const { next } = watching(place.engine, {
    git: repository.url,
    branch: 'stable',
    directory: 'sub',
    dockerfile: 'dev.Dockerfile',
    image: (commit) => `app:${commit.slice(0, 7)}`,
    interval: '100ms',
    options: { label: { team: 'a' } },
  })
  const { image, commit } = await next('built')
  expect(await outputOf(place.engine, `app:${commit.slice(0, 7)}`)).toBe('of a branch')
  expect((await image.inspect()).Config.Labels?.team).toBe('a')
  const newer = repository.commit({ 'sub/version': 'newer' }, 'stable')
  expect((await next('built')).commit).toBe(newer)
  expect(await next('checked')).toEqual({ kind: 'checked', commit: newer, isBuilt: true })
})

test('it goes on after failures: a commit that cannot be built is tried again, and the next one is built at once', async () => {
  await using repository = await serveRepository({ Dockerfile: 'FROM busybox\nRUN exit 3\n' })
  await using place = await testEngine()
  const { builds, next } = watching(place.engine, { git: repository.url, branch: 'main', image: 'app', interval: '1h' })
  const failed = await next('failed')
  expect(failed).toMatchObject({ stage: 'build', retryMs: 3600_000 })
  expect(failed.error).toMatchObject({ code: 'BUILD_FAILED', exitCode: 3, line: 2 })
  builds.trigger()
  expect((await next('failed')).commit).toBe(failed.commit)
  const mended = repository.commit({ Dockerfile: dockerfile, version: '1' })
  builds.trigger()
  expect((await next('built')).commit).toBe(mended)
})

test('a repository that is not there is a failure of the check, which comes again later and later', async () => {
  await using repository = await serveRepository({ Dockerfile: dockerfile })
  await using place = await testEngine([])
  const { next } = watching(place.engine, { git: `${repository.url}-none`, image: 'app', interval: 100 })
  const [first, second, third] = [await next('failed'), await next('failed'), await next('failed')]
  expect(first).toMatchObject({ stage: 'check', commit: undefined, error: { code: 'CONTEXT_UNAVAILABLE' } })
  expect([first.retryMs, second.retryMs, third.retryMs]).toEqual([100, 200, 400])
})

test('commits that come while one is built are one: the newest', async () => {
  await using repository = await serveRepository({ Dockerfile: dockerfile, version: '1' })
  await using place = await testEngine()
  const { builds, next, seen } = watching(place.engine, { git: repository.url, branch: 'main', image: 'app' })
  await next('building')
  repository.commit({ version: '2' })
  builds.trigger()
  const newest = repository.commit({ version: '3' })
  builds.trigger()
  await next('built')
  expect((await next('built')).commit).toBe(newest)
  expect(seen.filter(({ kind }) => kind === 'building')).toHaveLength(2)
  expect(await outputOf(place.engine, 'app')).toBe('3')
})

test('who begins again builds nothing again, and pushes what was not pushed', async () => {
  await using registry = await startRegistry()
  await using repository = await serveRepository({ Dockerfile: dockerfile, version: '1' })
  await using place = await testEngine()
  const options = { git: repository.url, branch: 'main', image: `${registry.host}/app` }
  const first = watching(place.engine, options)
  const { commit, image } = await first.next('built')
  await first.builds.close()
  expect(await first.isOver()).toBe(true)

  const other = await place.reopen()
  const second = watching(other, options)
  expect(await second.next('checked')).toEqual({ kind: 'checked', commit, isBuilt: true })
  const third = watching(other, { ...options, push: true })
  const { digest } = await third.next('pushed')
  expect(third.seen.map(({ kind }) => kind)).toEqual(['checked', 'pushed'])
  expect((await image.inspect()).RepoDigests).toEqual([`${registry.host}/app@${digest}`])
  const fourth = watching(other, { ...options, push: true })
  expect((await fourth.next('checked')).isBuilt).toBe(true)
})

test('a commit that was built when something failed is only pushed', async () => {
  await using registry = await startRegistry()
  await using repository = await serveRepository({ Dockerfile: dockerfile, version: '1' })
  await using place = await testEngine()
  onTestFinished(() => failpoints.clear())
  failpoints.set('autobuild.built', () => {
    failpoints.clear()
    throw new Error('failed once')
  })
  const options = { git: repository.url, branch: 'main', image: `${registry.host}/app`, push: true }
  const { builds, next, seen } = watching(place.engine, options)
  expect((await next('failed')).error.message).toContain('failed once')
  builds.trigger()
  await next('pushed')
  expect(seen.filter(({ kind }) => kind === 'building')).toHaveLength(1)
})

test('a webhook is for those who know the secret', async () => {
  await using repository = await serveRepository({ Dockerfile: dockerfile, version: '1' })
  await using place = await testEngine()
  const { builds, next, seen } = watching(place.engine, { git: repository.url, branch: 'main', image: 'app' })
  await next('built')
  const call = await serve(builds, 'right')
  const signed = (secret: string, body: string) => createHmac('sha256', secret).update(body).digest('hex')
  expect(await call({})).toBe(401)
  expect(await call({ 'x-hub-signature-256': `sha256=${signed('wrong', '{}')}` })).toBe(401)
  expect(await call({ 'x-hub-signature-256': `sha256=${signed('right', 'other')}` })).toBe(401)
  expect(await call({ 'x-hub-signature-256': 'sha256=00' })).toBe(401)
  expect(await call({ 'x-hub-signature': `sha1=${'0'.repeat(40)}` })).toBe(401)
  expect(await call({ 'x-gitlab-token': 'wrong' })).toBe(401)
  expect(await call({}, '', 'GET')).toBe(405)
  expect(seen.filter(({ kind }) => kind === 'checked')).toHaveLength(1)
  expect(await call({ 'x-gitlab-token': 'right' })).toBe(202)
  await next('checked')
  expect(await call({ 'x-hub-signature': `sha256=${signed('right', '{}')}` })).toBe(202)
  await next('checked')
  expect(await call({ 'x-gitea-signature': signed('right', '{}') })).toBe(202)
  await next('checked')
  expect(() => builds.webhook({ secret: '' })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

test('it ends with its signal, and with the engine, and stops what it builds', async () => {
  await using repository = await serveRepository({ Dockerfile: 'FROM busybox\nRUN echo begun; sleep 1000\n' })
  await using place = await testEngine()
  const abort = new AbortController()
  const ofSignal = watching(place.engine, { git: repository.url, image: 'app', signal: abort.signal })
  await ofSignal.next('building')
  abort.abort(new Error('enough'))
  await expect(ofSignal.next('built')).rejects.toThrow('enough')
  const other = await place.reopen()
  const ofEngine = watching(other, { git: repository.url, image: 'app' })
  for (let isBegun = false; !isBegun; ) {
    const { event } = await ofEngine.next('progress')
    isBegun = event.kind === 'log' && `${event.data}`.includes('begun')
  }
  await other.close()
  await expect(ofEngine.next('built')).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })
  expect(await place.leaks()).toEqual([])
})

test.each([
  [{ git: 'ext::sh -c id' }, 'git'],
  [{ git: '/srv/app' }, 'git'],
  [{ git: 'https://x/y.git#main' }, 'git'],
  [{ branch: 'a b' }, 'git'],
  [{ branch: '--upload-pack=x' }, 'git'],
  [{ directory: '../x' }, 'directory'],
  [{ dockerfile: '/etc/passwd' }, 'dockerfile'],
  [{ image: [] }, 'image'],
  [{ interval: 1 }, 'interval'],
  [{ interval: 'soon' }, 'interval'],
])('%j is refused at once', async (wrong, option) => {
  await using place = await testEngine([])
  const options = { git: 'https://x/y.git', branch: 'main', image: 'app', ...wrong }
  expect(() => place.engine.autobuild(options)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ option }) }),
  )
})
