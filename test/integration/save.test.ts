import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Engine, ImageProgress } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { podmanIn } from '../support/registry-clients.js'

const run = promisify(execFile)

let host: TestEngine
let other: TestEngine
let engine: Engine
let directory: string
beforeAll(async () => {
  host = await testEngine(['busybox', 'redis'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())
beforeEach(async () => {
  directory = mkdtempSync('/tmp/ib-save-')
  other = await testEngine([])
})
afterEach(async () => {
  await other[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const idOf = async (name: string) => (await engine.images.get(name)).id
const entriesOf = async (archive: string) => (await run('tar', ['-tf', archive])).stdout.trim().split('\n')
const documentOf = async (archive: string, name: string) =>
  JSON.parse((await run('tar', ['-xOf', archive, name])).stdout)

describe('save', () => {
  test.each(['docker', 'oci'] as const)('an archive of the format %s is loaded as the same image', async (format) => {
    const archive = join(directory, 'redis.tar')
    const { size } = await engine.images.save('redis:7', archive, { format })
    expect(size).toBe(statSync(archive).size)
    const load = other.engine.images.load(archive)
    const kinds = new Set<string>()
    for await (const event of load) kinds.add(event.kind === 'layer' ? event.status : event.kind)
    const [image] = await load
    expect([...kinds]).toEqual(expect.arrayContaining(['bytes', 'waiting', 'done']))
    expect(image?.id).toBe(await idOf('redis:7'))
    expect(image?.references).toEqual(['redis:7'])
    expect((await other.engine.run('redis:7', ['redis-server', '--version']).rm().output()).exitCode).toBe(0)
  })

  test('has the entries that Docker writes, in its order, with shared layers once', async () => {
    const image = await engine.images.get('redis:7')
    await image.tag('me/redis:copy')
    const archive = join(directory, 'two.tar')
    await engine.images.save(['redis:7', 'me/redis:copy', 'busybox'], archive)
    const entries = await entriesOf(archive)
    expect(entries.slice(0, 2)).toEqual(['blobs/', 'blobs/sha256/'])
    expect(entries.slice(-4)).toEqual(['index.json', 'manifest.json', 'oci-layout', 'repositories'])
    expect(entries).toHaveLength(new Set(entries).size)
    const manifest = await documentOf(archive, 'manifest.json')
    expect(manifest.map(({ RepoTags }: { RepoTags: string[] }) => RepoTags)).toEqual([
      ['redis:7', 'me/redis:copy'],
      ['busybox:latest'],
    ])
    expect(Object.keys(await documentOf(archive, 'repositories'))).toEqual(['redis', 'me/redis', 'busybox'])
    const { manifests } = await documentOf(archive, 'index.json')
    expect(manifests.map(({ annotations }: { annotations: object }) => annotations)).toEqual([
      { 'io.containerd.image.name': 'docker.io/library/redis:7', 'org.opencontainers.image.ref.name': '7' },
      { 'io.containerd.image.name': 'docker.io/me/redis:copy', 'org.opencontainers.image.ref.name': 'copy' },
      { 'io.containerd.image.name': 'docker.io/library/busybox:latest', 'org.opencontainers.image.ref.name': 'latest' },
    ])
    const loaded = await other.engine.images.load(archive)
    expect(loaded.map(({ references }) => references)).toEqual([['redis:7', 'me/redis:copy'], ['busybox:latest']])
    await engine.images.remove('me/redis:copy')
  })

  test('by ID an image has no name, by repository all of its tags', async () => {
    const id = await idOf('busybox')
    await (await engine.images.get(id)).tag('busybox:other')
    const [byId, byRepository] = ['id.tar', 'repository.tar'].map((name) => join(directory, name)) as [string, string]
    await engine.images.save(id.slice(7, 19), byId)
    await engine.images.save('busybox', byRepository)
    expect((await documentOf(byId, 'manifest.json'))[0].RepoTags).toBeNull()
    expect(await entriesOf(byId)).not.toContain('repositories')
    const [image] = await other.engine.images.load(byId)
    expect([image?.id, image?.references]).toEqual([id, []])
    expect((await other.engine.images.load(byRepository))[0]?.references).toEqual(['busybox:latest', 'busybox:other'])
    await engine.images.remove('busybox:other')
  })

  test('gives the same bytes again, to a path, to a stream and as one', async () => {
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
    const archive = join(directory, 'busybox.tar')
    await (await engine.images.get('busybox')).save(archive)
    const chunks: Buffer[] = []
    // A writer that is slow: nothing is lost, and nothing piles up.
    let pending = 0
    const slow = new Writable({
      highWaterMark: 1,
      async write(chunk: Buffer, _, done) {
        pending++
        await setImmediate()
        chunks.push(chunk)
        expect(--pending).toBe(0)
        done()
      },
    })
    await engine.images.save('busybox', slow)
    const expected = digest(readFileSync(archive))
    expect(digest(Buffer.concat(chunks))).toBe(expected)
    expect(digest(await buffer(engine.images.saveStream('busybox')))).toBe(expected)
    expect((statSync(archive).mode & 0o777).toString(8)).toBe('600')
  })

  test('tells how far it is', async () => {
    const events: ImageProgress[] = []
    const save = engine.images.save('redis:7', join(directory, 'redis.tar'))
    for await (const event of save) events.push(event)
    expect(events.length).toBeGreaterThan(0)
    expect(events.every(({ kind }) => kind === 'bytes')).toBe(true)
    expect((await save).size).toBeGreaterThanOrEqual((events.at(-1) as { current: number }).current)
  })

  test('that cannot be leaves nothing behind, and what was there', async () => {
    const archive = join(directory, 'busybox.tar')
    await engine.images.save('busybox', archive)
    const before = readFileSync(archive)
    const stop = new AbortController()
    const save = engine.images.save('redis:7', archive, { signal: stop.signal })
    const reason = new Error('enough')
    const events = (async () => {
      for await (const _ of save) stop.abort(reason)
    })()
    await expect(events).rejects.toBe(reason)
    await expect(engine.images.save('no-such', archive)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
    await expect(engine.images.save([], archive)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(engine.images.save('busybox', '/dev/null')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(engine.images.save('busybox', join(directory, 'no/such.tar'))).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
    })
    expect(readFileSync(archive).equals(before)).toBe(true)
    expect(readdirSync(directory)).toEqual(['busybox.tar'])
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  test('a stream that nobody reads on ends the work', async () => {
    const stream = engine.images.saveStream('redis:7')
    for await (const _ of stream) break
    expect(stream.destroyed).toBe(true)
    await expect(buffer(engine.images.saveStream('no-such'))).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })
})

describe('other programs read what was saved', () => {
  test('skopeo, as a docker-archive and as an OCI layout', async () => {
    const inspect = async (source: string) => {
      const { stdout } = await run('skopeo', ['inspect', '--config', source])
      return JSON.parse(stdout).rootfs.diff_ids
    }
    const [docker, oci] = [join(directory, 'docker.tar'), join(directory, 'oci.tar')]
    await engine.images.save('redis:7', docker)
    await engine.images.save('redis:7', oci, { format: 'oci' })
    const { RootFS } = await (await engine.images.get('redis:7')).inspect()
    expect(await inspect(`docker-archive:${docker}`)).toEqual(RootFS.Layers)
    expect(await inspect(`oci-archive:${oci}:7`)).toEqual(RootFS.Layers)
    await run('skopeo', ['copy', `docker-archive:${docker}`, `dir:${directory}/copied`])
    await run('skopeo', ['copy', `oci-archive:${oci}:7`, `dir:${directory}/copied-oci`])
  })

  test('umoci, which unpacks it', async () => {
    const archive = join(directory, 'oci.tar')
    await engine.images.save('busybox', archive, { format: 'oci' })
    await run('mkdir', [join(directory, 'layout')])
    await run('tar', ['-xf', archive, '-C', join(directory, 'layout')])
    await run('umoci', ['unpack', '--image', `${directory}/layout:latest`, `${directory}/bundle`])
    expect(statSync(`${directory}/bundle/rootfs/bin/busybox`).size).toBeGreaterThan(100_000)
  })

  test('podman, which runs it', async () => {
    const archive = join(directory, 'busybox.tar')
    await engine.images.save('busybox', archive)
    const podman = podmanIn(directory)
    expect((await podman('load', '-i', archive)).stdout).toContain('docker.io/library/busybox:latest')
    const { stdout } = await podman('image', 'inspect', '--format', '{{.Id}}', 'docker.io/library/busybox:latest')
    expect(`sha256:${stdout.trim()}`).toBe(await idOf('busybox'))
  })
})
