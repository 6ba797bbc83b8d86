import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Engine, EngineOptions } from '../../src/index.js'
import { dockerInstalled, startDockerd } from '../conformance/support/dockerd.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { imageArchive } from '../support/images.js'
import { startRegistry, type TestRegistry, trustIn } from '../support/registry.js'
import { openPodman, openSkopeo, podmanInstalled, type RegistryClient } from '../support/registry-clients.js'

let host: TestEngine
let engine: Engine
let registry: TestRegistry
beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry[Symbol.asyncDispose]())
beforeEach(async () => {
  host = await testEngine([])
  engine = host.engine
})
afterEach(() => host[Symbol.asyncDispose]())

/** Pushes busybox with a layer of our own under the name; the digest. */
async function pushOwn(reference: string): Promise<string> {
  await engine.images.load(imageArchive('busybox'))
  const image = await engine.images.fromHost({ from: 'busybox', files: { '/own': '/etc/hostname' }, reference })
  const [pushed] = await image.push()
  return pushed?.digest as string
}

async function pullAndRun(reference: string, text: string) {
  const image = await engine.pull(reference)
  const { stdout: output } = await engine.run(reference, ['echo', text]).rm().output()
  const { RepoDigests } = await image.inspect()
  return { output, digest: RepoDigests[0]?.split('@')[1] }
}

function exchange(name: string, open: () => Promise<RegistryClient>): void {
  describe(`between inboard and ${name}`, () => {
    let client: RegistryClient
    beforeAll(async () => {
      client = await open()
    })
    afterAll(() => client[Symbol.asyncDispose]())

    test('an image that inboard pushed is pulled unchanged, and runs', async () => {
      const reference = `${registry.host}/to-${name}:1`
      const digest = await pushOwn(reference)
      expect(await client.pullAndRun(reference, 'from inboard')).toEqual({ output: 'from inboard\n', digest })
    })

    test('an image that it pushed is pulled by inboard unchanged, and runs', async () => {
      const reference = `${registry.host}/from-${name}:1`
      const digest = await client.push(imageArchive('busybox'), reference)
      expect(await pullAndRun(reference, `from ${name}`)).toEqual({ output: `from ${name}\n`, digest })
    })

    test('an image keeps its digest on its way through inboard', async () => {
      const reference = `${registry.host}/through-${name}:1`
      const digest = await client.push(imageArchive('busybox'), reference)
      const image = await engine.pull(reference)
      await image.tag(`${registry.host}/again/through-${name}:1`)
      const [pushed] = await engine.images.push(`${registry.host}/again/through-${name}:1`)
      expect(pushed?.digest).toBe(digest)
      expect((await client.pullAndRun(`${registry.host}/again/through-${name}:1`, 'back')).digest).toBe(digest)
    })
  })
}

/** dockerd is in a network namespace of its own, where the registry serves, too. */
async function openDocker(): Promise<RegistryClient> {
  const daemon = await startDockerd()
  await registry.serveIn(daemon.pid)
  const docker = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await daemon.docker(args)
    if (exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  return {
    async push(archive, reference) {
      await docker('load', '--quiet', '--input', archive)
      await docker('tag', 'busybox:latest', reference)
      return /digest: (sha256:[0-9a-f]{64})/.exec(await docker('push', reference))?.[1] as string
    },
    async pullAndRun(reference, text) {
      const digest = /^Digest: (.*)$/m.exec(await docker('pull', reference))?.[1] as string
      return { output: `${await docker('run', '--rm', '--network=none', reference, 'echo', text)}\n`, digest }
    },
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

exchange('skopeo', openSkopeo)
if (podmanInstalled) exchange('podman', openPodman)
else test.skip('images go between inboard and podman, which this host has not')
if (dockerInstalled) exchange('docker', openDocker)
else test.skip('images go between inboard and docker, which this host has not')

describe('a registry with credentials', () => {
  const login = { username: 'me', password: 'p w:%' }
  let guarded: TestRegistry
  let directory: string
  beforeAll(async () => {
    guarded = await startRegistry({ login })
  })
  afterAll(() => guarded[Symbol.asyncDispose]())
  beforeEach(async () => {
    directory = await mkdtemp('/tmp/ib-login-')
  })
  afterEach(() => rm(directory, { recursive: true }))

  const opened = async () => testEngine(['busybox'], { dockerConfigDirectory: directory })

  test('is used after a login, which is kept as Docker keeps it', async () => {
    await using own = await opened()
    const reference = `${guarded.host}/team/app:1`
    await own.engine.login({ ...login, registry: guarded.host })
    await (await own.engine.images.get('busybox')).tag(reference)
    const [pushed] = await own.engine.images.push(reference)
    await using skopeo = await openSkopeo(login)
    expect((await skopeo.pullAndRun(reference, 'hi')).digest).toBe(pushed?.digest)
    await own.engine.images.remove(reference)
    await own.engine.pull(reference)
    const { auths } = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'))
    expect(auths).toEqual({ [guarded.host]: { auth: Buffer.from('me:p w:%').toString('base64') } })
  })

  test('refuses who has not logged in, and who has logged out', async () => {
    await using own = await opened()
    const reference = `${guarded.host}/team/app:2`
    await expect(own.engine.pull(reference)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    await own.engine.login({ ...login, registry: guarded.host })
    await expect(own.engine.pull(reference)).rejects.toMatchObject({ code: 'MANIFEST_NOT_FOUND' })
    await own.engine.logout(guarded.host)
    await expect(own.engine.pull(reference)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  test('refuses a wrong password, which is not kept', async () => {
    await using own = await opened()
    const wrong = own.engine.login({ username: 'me', password: 'no-secret', registry: guarded.host })
    await expect(wrong).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.not.stringContaining('no-secret'),
    })
    await expect(readFile(join(directory, 'config.json'))).rejects.toMatchObject({ code: 'ENOENT' })
    const auth = { username: 'me', password: 'no-secret' }
    await expect(own.engine.pull(`${guarded.host}/team/app`, { auth })).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  test('takes credentials for one call', async () => {
    await using own = await opened()
    const reference = `${guarded.host}/team/app:3`
    await (await own.engine.images.get('busybox')).tag(reference)
    await own.engine.images.push(reference, { auth: login })
    await own.engine.pull(reference, { auth: login })
    expect(await own.engine.images.catalog(guarded.host, { auth: login })).toContain('team/app')
  })
})

describe('a registry with TLS', () => {
  let secure: TestRegistry
  let directory: string
  beforeAll(async () => {
    secure = await startRegistry({ tls: true })
    directory = await mkdtemp('/tmp/ib-certs-')
  })
  afterAll(async () => {
    await rm(directory, { recursive: true })
    await secure[Symbol.asyncDispose]()
  })

  // On loopback a registry is believed whatever its certificate, unless one says otherwise.
  const strict = (more: object = {}): EngineOptions => ({ registries: { [secure.host]: { insecure: false, ...more } } })
  const pushed = async (options: EngineOptions) => {
    await using own = await testEngine(['busybox'], options)
    const reference = `${secure.host}/app:1`
    await (await own.engine.images.get('busybox')).tag(reference)
    const [{ digest } = { digest: '' }] = await own.engine.images.push(reference)
    await own.engine.images.remove(reference)
    await own.engine.pull(reference)
    return digest
  }

  test('is believed with its authority in the options', async () => {
    expect(await pushed(strict({ ca: secure.ca }))).toMatch(/^sha256:/)
  })

  test('is believed with its authority in certs.d', async () => {
    await mkdir(join(directory, 'certs.d'))
    const certificatesDirectory = await trustIn(join(directory, 'certs.d'), secure)
    expect(await pushed({ ...strict(), certificatesDirectory })).toMatch(/^sha256:/)
  })

  test('is believed without one where that is allowed', async () => {
    expect(await pushed({ registries: { [secure.host]: { insecure: true } } })).toMatch(/^sha256:/)
  })

  test('is refused without one', async () => {
    await using own = await testEngine([], strict())
    await expect(own.engine.pull(`${secure.host}/app:1`)).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('certs.d'),
    })
  })

  test('plain HTTP is refused where TLS is asked for', async () => {
    await using own = await testEngine([], { registries: { [registry.host]: { insecure: false } } })
    await expect(own.engine.pull(`${registry.host}/app:1`)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  })
})
