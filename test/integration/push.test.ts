import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Engine, ImageProgress } from '../../src/index.js'
import { dockerArchive, Layout, named, sha256, stream, tar } from '../support/archives.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startRegistry, type TestRegistry } from '../support/registry.js'
import { podmanIn } from '../support/registry-clients.js'

const run = promisify(execFile)
const acceptAll = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

let registry: TestRegistry
let host: TestEngine
let engine: Engine
let directory: string
beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry[Symbol.asyncDispose]())
beforeEach(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  directory = mkdtempSync('/tmp/ib-push-')
})
afterEach(async () => {
  await host[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

/** Names in the registry are of one test each. */
let count = 0
const newName = () => `${registry.host}/push/app${++count}`
const tagged = async (image: string, name: string) => {
  await (await engine.images.get(image)).tag(name)
  return name
}
const manifestOf = async (name: string, reference: string) => {
  const path = name.slice(registry.host.length + 1)
  const response = await fetch(`${registry.url}/v2/${path}/manifests/${reference}`, { headers: { accept: acceptAll } })
  const bytes = Buffer.from(await response.arrayBuffer())
  return { status: response.status, type: response.headers.get('content-type'), bytes, digest: sha256(bytes) }
}
const blobOf = async (name: string, digest: string) => {
  const path = name.slice(registry.host.length + 1)
  return Buffer.from(await (await fetch(`${registry.url}/v2/${path}/blobs/${digest}`)).arrayBuffer())
}
const progressOf = async (push: AsyncIterable<ImageProgress>) => {
  const events: ImageProgress[] = []
  for await (const event of push) events.push(event)
  return events
}
const statusesOf = (events: readonly ImageProgress[]) =>
  new Set(events.flatMap((event) => (event.kind === 'layer' ? [event.status] : [])))
const own = process.arch === 'arm64' ? 'arm64' : 'amd64'

describe('push', () => {
  test('an image of an archive is compressed, in the format and with the names that Docker has', async () => {
    const name = await tagged('busybox', `${newName()}:1`)
    const [pushed, ...others] = await engine.images.push(name)
    expect(others).toEqual([])
    const { type, bytes, digest } = await manifestOf(name.slice(0, -2), '1')
    expect(pushed).toEqual({ reference: name, digest, size: bytes.length })
    expect(type).toBe('application/vnd.docker.distribution.manifest.v2+json')
    const manifest = JSON.parse(bytes.toString())
    expect(bytes.toString()).toBe(JSON.stringify(manifest, null, 3))
    const { Id, RootFS, RepoDigests } = await (await engine.images.get('busybox')).inspect()
    expect(manifest.config.digest).toBe(Id)
    expect(RepoDigests).toEqual([`${name.slice(0, -2)}@${digest}`])
    const layers = await Promise.all(
      manifest.layers.map(async (layer: { digest: string }) =>
        gunzipSync(await blobOf(name.slice(0, -2), layer.digest)),
      ),
    )
    expect(layers.map(sha256)).toEqual(RootFS.Layers)
  })

  test('gives the same digest the second time and under another name, and sends nothing again', async () => {
    const [first, second] = [await tagged('busybox', newName()), await tagged('busybox', newName())]
    const [pushed] = await engine.images.push(first)
    const again = engine.images.push(first)
    expect(statusesOf(await progressOf(again))).toEqual(new Set(['waiting', 'exists']))
    expect((await again)[0]?.digest).toBe(pushed?.digest)
    const other = engine.images.push(second)
    expect(statusesOf(await progressOf(other))).toEqual(new Set(['waiting', 'mounted']))
    expect((await other)[0]?.digest).toBe(pushed?.digest)
  })

  test('tells what happens to each layer, and whether the name is new', async () => {
    const name = await tagged('busybox', newName())
    const events = await progressOf(engine.images.push(name))
    expect(statusesOf(events)).toEqual(new Set(['waiting', 'compressing', 'uploading', 'done']))
    expect(events.at(-1)).toMatchObject({ kind: 'image', reference: `${name}:latest`, isNew: true })
    const again = await progressOf(engine.images.push(name))
    expect(again.at(-1)).toMatchObject({ kind: 'image', isNew: false })
  })

  test('what was pulled goes byte for byte as it came, from whatever tool', async () => {
    const layout = new Layout()
    const layer = await tar({ 'etc/name': 'pulled' })
    const image = layout.image({ layers: [layer] })
    const archive = join(directory, 'layout.tar')
    writeFileSync(archive, await tar(layout.index(named(image, 'app:1'))))
    const [from, to] = [newName(), newName()]
    await run('skopeo', [
      'copy',
      '--dest-tls-verify=false',
      '--preserve-digests',
      `oci-archive:${archive}`,
      `docker://${from}:1`,
    ])
    const pulled = await engine.pull(`${from}:1`)
    await pulled.tag(`${to}:1`)
    const [pushed] = await pulled.push(`${to}:1`)
    expect(pushed?.digest).toBe(image.digest)
    expect((await manifestOf(to, '1')).digest).toBe(image.digest)
    expect((await pulled.inspect()).RepoDigests).toEqual([`${from}@${image.digest}`, `${to}@${image.digest}`].sort())
  })

  test('images that share a plain layer share what it was compressed to', async () => {
    const layer = await tar({ 'etc/name': 'shared', big: Buffer.alloc(500_000, 'text ') })
    const [one, two] = [newName(), newName()]
    await engine.images.load(
      stream(await tar(dockerArchive({ layers: [layer], config: { Cmd: ['a'] } }, [`${one}:1`]))),
    )
    await engine.images.load(
      stream(await tar(dockerArchive({ layers: [layer], config: { Cmd: ['b'] } }, [`${two}:1`]))),
    )
    await engine.images.push(`${one}:1`)
    const events = await progressOf(engine.images.push(`${two}:1`))
    expect(statusesOf(events)).toEqual(new Set(['waiting', 'mounted']))
    const layersOf = async (name: string) => JSON.parse((await manifestOf(name, '1')).bytes.toString()).layers
    expect(await layersOf(two)).toEqual(await layersOf(one))
  })

  test('after its layers were compressed an image still runs, saves and loads', async () => {
    const name = await tagged('busybox', newName())
    await engine.images.push(name)
    expect((await engine.run('busybox', ['echo', 'runs']).rm().output()).stdout).toBe('runs\n')
    const archive = join(directory, 'busybox.tar')
    await engine.images.save('busybox', archive)
    await using other = await testEngine([])
    const [image] = await other.engine.images.load(archive)
    expect(image?.id).toBe((await engine.images.get('busybox')).id)
  })

  test('an image that is loaded with plain layers in an OCI layout is compressed all the same', async () => {
    const layout = new Layout()
    const layer = await tar({ 'etc/name': 'plain' })
    const type = 'application/vnd.oci.image.layer.v1.tar'
    const image = layout.image({ layers: [layer] }, (bytes) => bytes)
    const document = `blobs/sha256/${image.digest.slice(7)}`
    const plain = String(layout.files[document]).replaceAll(`${type}+gzip`, type)
    const manifest = layout.blob(image.mediaType, Buffer.from(plain))
    const name = newName()
    await engine.images.load(stream(await tar(layout.index(named(manifest, `${name}:1`)))))
    await engine.images.push(`${name}:1`)
    const { layers } = JSON.parse((await manifestOf(name, '1')).bytes.toString())
    expect(layers[0].mediaType).toBe('application/vnd.docker.image.rootfs.diff.tar.gzip')
  })

  test('all tags of a repository, each of its image', async () => {
    const name = newName()
    await engine.images.load(
      stream(await tar(dockerArchive({ layers: [await tar({ a: 'a' })] }, [`${name}:a`, `${name}:b`]))),
    )
    await tagged('busybox', `${name}:c`)
    const pushed = await engine.images.push(name, { allTags: true })
    expect(pushed.map(({ reference }) => reference)).toEqual(['a', 'b', 'c'].map((tag) => `${name}:${tag}`))
    expect(pushed[0]?.digest).toBe(pushed[1]?.digest)
    expect(pushed[2]?.digest).not.toBe(pushed[1]?.digest)
    expect((await engine.images.tags(name)).toSorted()).toEqual(['a', 'b', 'c'])
  })

  test.each([
    [
      'a repository that is not here',
      'nowhere/app',
      {},
      /^An image does not exist locally with the tag: .*nowhere\/app$/,
    ],
    ['another tag', 'push/here:other', {}, /^tag does not exist: .*push\/here:other$/],
    ['a tag with all tags', 'push/here:1', { allTags: true }, /^tag can't be used with --all-tags\/-a$/],
    ['a digest', `push/here@sha256:${'0'.repeat(64)}`, {}, /^cannot push a digest reference$/],
  ])('refuses %s with the words of Docker', async (_, name, options, message) => {
    await tagged('busybox', `${registry.host}/push/here:1`)
    await expect(engine.images.push(`${registry.host}/${name}`, options)).rejects.toThrow(message)
  })

  test('an image is pushed by its only name, or has to be told which', async () => {
    const name = newName()
    const [image] = await engine.images.load(
      stream(await tar(dockerArchive({ layers: [await tar({ a: 'only' })] }, [`${name}:1`]))),
    )
    expect((await image?.push())?.[0]?.reference).toBe(`${name}:1`)
    await image?.tag(`${name}:2`)
    await expect(image?.push()).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(image?.push('busybox')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })

  test('that is aborted leaves no name there, and an image here that can be pushed', async () => {
    const noise = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * at * 31) >> 7))
    const name = newName()
    await engine.images.load(stream(await tar(dockerArchive({ layers: [await tar({ noise })] }, [`${name}:1`]))))
    const stop = new AbortController()
    const reason = new Error('enough')
    const push = engine.images.push(`${name}:1`, { signal: stop.signal })
    const watching = (async () => {
      for await (const event of push) if (event.kind === 'layer' && event.status === 'uploading') stop.abort(reason)
    })()
    await expect(watching).rejects.toBe(reason)
    expect((await manifestOf(name, '1')).status).toBe(404)
    expect(await engine.images.push(`${name}:1`)).toHaveLength(1)
  })

  test('the image that others pull is the same, and runs', async () => {
    const name = await tagged('busybox', `${newName()}:1`)
    const [pushed] = await engine.images.push(name)
    await using other = await testEngine([])
    const pulled = await other.engine.pull(name)
    expect(pulled.id).toBe((await engine.images.get('busybox')).id)
    expect((await pulled.inspect()).RepoDigests).toEqual([`${name.slice(0, -2)}@${pushed?.digest}`])
    const podman = podmanIn(directory)
    await podman('pull', '--tls-verify=false', name)
    expect(`sha256:${(await podman('image', 'inspect', '--format', '{{.Id}}', name)).stdout.trim()}`).toBe(pulled.id)
    await run('skopeo', ['copy', '--src-tls-verify=false', `docker://${name}`, `oci:${directory}/layout:1`])
    await run('umoci', ['unpack', '--image', `${directory}/layout:1`, `${directory}/bundle`])
  })
})

describe('pushManifestList', () => {
  const platformImage = async (architecture: string, variant?: string) => {
    const document = { architecture, ...(variant && { variant }) }
    const layer = await tar({ 'etc/platform': architecture })
    const name = `platform:${architecture}`
    await engine.images.load(stream(await tar(dockerArchive({ layers: [layer], document }, [name]))))
    return name
  }

  test('gives several platforms one name, from which each takes its own', async () => {
    const name = newName()
    const images = [await platformImage('amd64'), await platformImage('arm64', 'v8')]
    const pushed = await engine.images.pushManifestList(`${name}:1`, images)
    const { type, bytes, digest } = await manifestOf(name, '1')
    expect(pushed).toEqual({ reference: `${name}:1`, digest, size: bytes.length })
    expect(type).toBe('application/vnd.docker.distribution.manifest.list.v2+json')
    const { manifests } = JSON.parse(bytes.toString())
    expect(manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux', variant: 'v8' },
    ])
    await using other = await testEngine([])
    const pulled = await other.engine.pull(`${name}:1`)
    expect(pulled.id).toBe((await engine.images.get(`platform:${own}`)).id)
    await run('skopeo', ['copy', '--all', '--src-tls-verify=false', `docker://${name}:1`, `dir:${directory}/all`])
  })

  test('refuses two images for one platform, and none', async () => {
    const name = newName()
    const image = await platformImage('amd64')
    await expect(engine.images.pushManifestList(name, [image, image])).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(engine.images.pushManifestList(name, [])).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(engine.images.pushManifestList(name, ['no-such'])).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
    expect((await manifestOf(name, 'latest')).status).toBe(404)
  })
})
