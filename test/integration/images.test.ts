import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { busyboxForm, busyboxForms } from '../support/images.js'
import { ScriptedRegistry } from '../support/scripted-registry.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine([])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

describe('load', () => {
  test.each((Object.keys(busyboxForms) as (keyof typeof busyboxForms)[]).filter((form) => form !== 'rootfs'))(
    'an archive of the form %s runs, and goes without a trace',
    async (form) => {
      const [image] = await engine.images.load(busyboxForm(form))
      // An OCI layout may name a mere tag, which is no name: such an image has its ID only.
      const id = image?.id ?? ''
      const { stdout } = await engine.run(id, ['echo', 'runs']).rm().output()
      expect(stdout).toBe('runs\n')
      await image?.remove({ force: true })
      expect(await engine.images.list()).toEqual([])
      await expect(engine.images.get(id)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
    },
  )

  test('an image in use is kept, and says by whom it is used', async () => {
    const [image] = await engine.images.load(busyboxForm('dockerArchive'))
    const container = await engine.run('busybox').name('user-of-it').create()
    await expect(image?.remove()).rejects.toMatchObject({ code: 'IMAGE_IN_USE' })
    await container.remove()
    await image?.remove()
  })
})

test('import makes an image of a root filesystem, with what docker import -c changes', async () => {
  const image = await engine.images.import(busyboxForm('rootfs'), {
    reference: 'me/root:1',
    changes: ['CMD ["echo", "imported"]', 'ENV A=b', 'WORKDIR /tmp'],
  })
  expect(image.references).toEqual(['me/root:1'])
  expect((await engine.run('me/root:1').rm().output()).stdout).toBe('imported\n')
  expect((await engine.run('me/root:1', ['sh', '-c', 'echo $A; pwd']).rm().output()).stdout).toBe('b\n/tmp\n')
  await image.remove()
})

test('import takes what is behind a URL, and says so', async () => {
  const bytes = gzipSync(await readFile(busyboxForm('rootfs')))
  const server = createServer(({ url }, response) => {
    if (url === '/rootfs.tar.gz') response.end(bytes)
    else response.writeHead(302, { location: '/rootfs.tar.gz' }).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const image = await engine.images.import(`${url}/latest?secret`, { reference: 'by-url' })
  expect((await image.inspect()).Comment).toBe(`Imported from ${url}/latest`)
  expect((await engine.run('by-url', ['echo', 'hi']).rm().output()).stdout).toBe('hi\n')
  await image.remove()
  const tooLong = engine.images.import(`${url}/latest`, { maxBytes: 1_000_000 })
  await expect(tooLong).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
  server.close()
  await expect(engine.images.import(`${url}/latest`)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  expect(await engine.images.list()).toEqual([])
})

describe('fromHost', () => {
  test('programs of the host run in a container with all they need', async () => {
    const image = await engine.images.fromHost({
      executables: ['/bin/sh', process.execPath, 'id', 'redis-server', 'redis-cli'],
      reference: 'tools',
    })
    const node = await engine
      .run('tools', [process.execPath, '-p', 'process.version + " " + process.pid'])
      .rm()
      .output()
    expect(node).toMatchObject({ exitCode: 0, stdout: `${process.version} 1\n` })
    const redis = await engine.run('tools', ['redis-server', '--save', ''])
    for await (const { text } of redis.logs({ follow: true })) if (text.includes('Ready to accept connections')) break
    expect((await redis.exec(['redis-cli', 'ping'])).stdout).toBe('PONG\n')
    await redis.remove({ force: true })
    await image.remove()
  })

  test('files found by a pattern come as one layer over another image, and run with its programs', async () => {
    await engine.images.load(busyboxForm('dockerArchive'))
    const image = await engine.images.fromHost({
      from: 'busybox',
      files: ['/etc/os-rel*', '/usr/lib/os-*'],
      reference: 'over',
    })
    const { stdout } = await engine.run('over', ['cat', '/etc/os-release']).rm().output()
    expect(stdout).toBe(await readFile('/etc/os-release', 'utf8'))
    await expect(engine.images.remove('busybox')).resolves.toEqual([{ untagged: 'busybox:latest' }])
    await image.remove()
    expect(await engine.images.list()).toEqual([])
  })

  test('takes some seconds of the processor at most, and next to nothing when the host has not changed', async () => {
    const options = { executables: ['/bin/sh', process.execPath, 'redis-server'], reference: 'timed' }
    const timed = async () => {
      const before = process.cpuUsage()
      const { id } = await engine.images.fromHost(options)
      const { user, system } = process.cpuUsage(before)
      return { id, ms: (user + system) / 1000 }
    }
    const first = await timed()
    const again = [await timed(), await timed(), await timed()]
    expect(again.map(({ id }) => id)).toEqual(Array(3).fill(first.id))
    // A busy machine makes each of them dearer.
    expect(first.ms).toBeLessThan(6000)
    expect(Math.min(...again.map(({ ms }) => ms))).toBeLessThan(first.ms / 4)
    await engine.images.remove('timed')
  })

  test('a program that the host lacks is named, with where it was looked for', async () => {
    await expect(engine.images.fromHost({ executables: ['no-such-program'] })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('no-such-program'),
    })
  })
})

describe('an image that is here', () => {
  test('tells what Docker tells of it, and takes more names', async () => {
    await using host = await testEngine([])
    const { engine } = host
    const [image] = await engine.images.load(busyboxForm('dockerArchive'))
    await image?.tag('me/box:1')
    expect(image?.references).toEqual(['busybox:latest', 'me/box:1'])
    const { Id, RepoTags, Size, RootFS, GraphDriver, Metadata } = (await image?.inspect()) ?? {}
    expect({ Id, RepoTags }).toEqual({ Id: image?.id, RepoTags: image?.references })
    expect(Date.now() - Date.parse(Metadata?.LastTagTime ?? '')).toBeLessThan(60_000)
    expect(RootFS?.Layers).toHaveLength(1)
    expect(GraphDriver?.Data?.UpperDir).toContain(engine.root)
    const [top] = (await image?.history()) ?? []
    expect(top).toMatchObject({ id: image?.id, size: Size, tags: image?.references })
    expect(await engine.images.list({ filters: { reference: 'me/*' } })).toMatchObject([
      { id: image?.id, repoTags: ['me/box:1'], size: Size },
    ])
    await expect(image?.remove()).rejects.toMatchObject({
      code: 'IMAGE_IN_USE',
      message: expect.stringContaining('image is referenced in multiple repositories'),
    })
    expect(await engine.images.remove('me/box:1')).toEqual([{ untagged: 'me/box:1' }])
    expect((await image?.remove())?.slice(0, 2)).toEqual([{ untagged: 'busybox:latest' }, { deleted: image?.id }])
  })

  test('goes by its name while a container runs, but the container goes on', async () => {
    await using host = await testEngine([])
    const { engine } = host
    const [image] = await engine.images.load(busyboxForm('dockerArchive'))
    const container = await engine.run('busybox', ['sleep', '1000'])
    await expect(engine.images.remove('busybox')).rejects.toMatchObject({
      code: 'IMAGE_IN_USE',
      details: { containers: [container.id] },
    })
    expect(await engine.images.remove('busybox', { force: true })).toEqual([{ untagged: 'busybox:latest' }])
    await expect(image?.remove({ force: true })).rejects.toMatchObject({ code: 'IMAGE_IN_USE' })
    expect((await container.exec(['echo', 'alive'])).stdout).toBe('alive\n')
    await container.remove({ force: true })
    await image?.remove()
    expect(await engine.images.list()).toEqual([])
  })

  test('is kept by a container that ended while nobody looked as by a stopped one', async () => {
    await using host = await testEngine([])
    const { engine } = host
    const [image] = await engine.images.load(busyboxForm('dockerArchive'))
    const id = await inAnotherProcess<string>(host, "return (await engine.run('busybox', ['sleep', '0.2'])).id")
    await expect.poll(() => existsSync(join(engine.runRoot, id, 'exit')), { timeout: 10_000 }).toBe(true)
    await expect(image?.remove()).rejects.toMatchObject({
      message: expect.stringContaining(`image is being used by stopped container ${id.slice(0, 12)}`),
    })
    await (await engine.containers.get(id)).remove()
    await image?.remove()
  })

  test('goes by force, and a stopped container of it can still be started, in whatever process', async () => {
    await using host = await testEngine([])
    const { engine } = host
    const [image] = await engine.images.load(busyboxForm('dockerArchive'))
    const container = await engine.run('busybox', ['cat', '/etc/passwd']).name('orphan')
    await container.wait()
    expect(await image?.remove({ force: true })).toEqual([{ untagged: 'busybox:latest' }, { deleted: image?.id }])
    await expect(engine.images.get('busybox')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
    const again = await (await host.reopen()).containers.get('orphan')
    await again.start()
    expect((await again.wait()).exitCode).toBe(0)
    expect((await again.inspect()).Image).toBe(image?.id)
    await again.remove()
    await engine.images.prune()
    expect((await engine.diskUsage()).contentSize).toBe(0)
  })

  test('is told from others on the disk: shared layers once, and what containers wrote', async () => {
    await using host = await testEngine([])
    const { engine } = host
    const [image] = await engine.images.load(busyboxForm('dockerArchive'))
    const container = await engine.run('busybox', [
      'sh',
      '-c',
      'head -c 100000 /dev/zero >/a; ln /a /b; ln -s abc /c; rm /etc/group',
    ])
    await container.wait()
    const usage = await engine.diskUsage()
    const size = (await image?.inspect())?.Size ?? 0
    expect(usage).toMatchObject({
      layersSize: size,
      images: [{ id: image?.id, size, sharedSize: 0, containers: 1 }],
      containers: [{ id: container.id, state: 'exited', sizeRw: 100_003, sizeRootFs: size + 100_003 }],
    })
    expect(usage.contentSize).toBeGreaterThan(size / 2)
    expect(await engine.images.prune({ all: true })).toEqual({ deleted: [], spaceReclaimed: 0 })
    await container.remove()
    expect((await engine.images.prune({ all: true })).spaceReclaimed).toBe(size)
  })
})

test('a registry tells its repositories, their tags, and what it finds', async () => {
  const result = { name: 'me/app', description: 'mine', star_count: 3, is_official: false, is_automated: false }
  await using registry = await ScriptedRegistry.start({ search: [result] })
  await registry.addImage('me/app', { tag: '1' })
  await registry.addImage('me/app', { tag: '2' })
  await registry.addImage('redis')
  expect(await engine.images.catalog(registry.host)).toEqual(['me/app', 'redis'])
  expect(await engine.images.tags(`${registry.host}/me/app`)).toEqual(['1', '2'])
  expect(await engine.images.search(`${registry.host}/app`, { limit: 5 })).toMatchObject([
    { name: 'me/app', description: 'mine', stars: 3 },
  ])
  await expect(engine.images.tags('Nope')).rejects.toMatchObject({ code: 'INVALID_REFERENCE' })
})
