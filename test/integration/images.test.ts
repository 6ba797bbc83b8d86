import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { busyboxForm, busyboxForms } from '../support/images.js'

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

  test('takes well under a second, and next to nothing when the host has not changed', async () => {
    const options = { executables: ['/bin/sh', process.execPath, 'redis-server'], reference: 'timed' }
    const timed = async () => {
      const begin = performance.now()
      const { id } = await engine.images.fromHost(options)
      return { id, ms: performance.now() - begin }
    }
    const first = await timed()
    const again = await timed()
    expect(again.id).toBe(first.id)
    expect(first.ms).toBeLessThan(3000)
    expect(again.ms).toBeLessThan(first.ms / 4)
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
    await expect(image?.remove()).rejects.toMatchObject({ code: 'IMAGE_IN_USE' })
    expect(await engine.images.remove('me/box')).toEqual([])
    await image?.remove({ force: true })
  })

  test('goes by its name while a container runs, but the container goes on', async () => {
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

  test('goes by force, and a stopped container of it can still be started, in whatever process', async () => {
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
