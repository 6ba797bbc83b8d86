import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, symlinkSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  configDocument,
  dockerArchive,
  type Entries,
  Layout,
  named,
  sha256,
  stream,
  tar,
  unpacked,
} from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { busyboxForm } from '../../test/support/images.js'
import type { ImageProgress } from './progress.js'

let store: TestStore
let directory: string
let lower: Buffer
let upper: Buffer

beforeEach(async () => {
  store = await testStore()
  directory = await mkdtemp('/tmp/ib-load-')
  lower = await tar({ 'etc/': '', 'etc/name': 'lower', 'etc/only': 'here' })
  upper = await tar({ 'etc/name': 'upper' })
})
afterEach(async () => {
  store[Symbol.dispose]()
  await rm(directory, { recursive: true, force: true })
})

const load = async (entries: Entries) => store.images.load(stream(await tar(entries)))
const opposite = process.arch === 'arm64' ? 'amd64' : 'arm64'
const own = process.arch === 'arm64' ? 'arm64' : 'amd64'

describe('load', () => {
  it.each([
    ['dockerArchive', ['busybox:latest']],
    ['dockerArchiveGzip', ['busybox:latest']],
    ['ociDirectory', []],
    ['ociArchive', []],
    ['ociArchiveZstd', []],
  ] as const)('takes busybox as %s', async (form, references) => {
    const [image] = await store.images.load(busyboxForm(form))
    expect(image?.references).toEqual(references)
    const record = store.images.get(image?.id as string)
    expect(record).toMatchObject({ os: 'linux', config: { Cmd: ['sh'] }, createdAt: '2024-01-01T00:00:00Z' })
    expect(statSync(join(store.snapshots.layers(record.chain)[0] as string, 'bin/busybox')).size).toBeGreaterThan(
      100_000,
    )
    await store.images.settled()
    expect(store.remains()).not.toContain('gc.dirty')
  })

  it('gives the same ID, layers and records whatever the form, and adds nothing the second time', async () => {
    const [first] = await store.images.load(busyboxForm('ociArchive'))
    await store.images.settled()
    const remains = store.remains()
    const [second] = await store.images.load(busyboxForm('ociDirectory'))
    const [third] = await store.images.load(busyboxForm('dockerArchiveGzip'))
    expect([second?.id, third?.id]).toEqual([first?.id, first?.id])
    expect(store.remains()).toEqual(remains)
    expect(store.images.list()).toHaveLength(1)
    expect(store.images.get('busybox').id).toBe(first?.id)
  })

  it('records the configuration, layers bottom first and the chain top first', async () => {
    const config = { Env: ['A=1'], Cmd: ['sh'], Labels: { a: 'b' }, ExposedPorts: { '80/tcp': {} }, Volumes: null }
    const parts = { layers: [lower, upper], config, document: { history: [{ created_by: 'x' }, { created_by: 'y' }] } }
    const [image] = await load(dockerArchive(parts, ['app', 'me/app:2']))
    const record = store.images.get('app')
    expect(image).toEqual({ id: sha256(configDocument(parts)), references: ['app:latest', 'me/app:2'] })
    const { Volumes: _, ...expected } = config
    expect(record.config).toEqual(expected)
    expect(record.layers.map(({ diffId }) => diffId)).toEqual([sha256(lower), sha256(upper)])
    expect(record.chain).toEqual([sha256(`${sha256(lower)} ${sha256(upper)}`), sha256(lower)])
    expect(record.history.map((step) => step.created_by)).toEqual(['x', 'y'])
    expect(record.size).toBe('lower'.length + 'here'.length + 'upper'.length)
    expect(store.fileOf('app', '/etc/name')).toBe('upper')
    expect(store.fileOf('app', '/etc/only')).toBe('here')
  })

  it('copies layers where overlay cannot be', async () => {
    using vfs = await testStore('vfs')
    await vfs.images.load(stream(await tar(dockerArchive({ layers: [lower, upper] }))))
    const [top] = vfs.snapshots.layers(vfs.images.get('app:1').chain)
    expect(readFileSync(join(top as string, 'etc/name'), 'utf8')).toBe('upper')
    expect(readFileSync(join(top as string, 'etc/only'), 'utf8')).toBe('here')
  })

  it('takes a stream, compressed or not, in chunks of any size', async () => {
    const archive = await tar(dockerArchive({ layers: [lower] }))
    const [one] = await store.images.load(Readable.from([archive]))
    const [two] = await store.images.load(stream(gzipSync(archive), 7))
    const [three] = await store.images.load(stream(execFileSync('xz', ['-c'], { input: archive })))
    expect([two, three]).toEqual([one, one])
  })

  it('extracts a layer that several images have once', async () => {
    const [config, other] = [{ Cmd: ['a'] }, { Cmd: ['b'] }]
    const first = dockerArchive({ layers: [lower, upper], config }, ['a'])
    const second = dockerArchive({ layers: [lower, upper], config: other }, ['b'])
    const manifests = [first, second].map((files) => JSON.parse(files['manifest.json'] as string)[0])
    const progress: ImageProgress[] = []
    const archive = await tar({ ...first, ...second, 'manifest.json': JSON.stringify(manifests) })
    const images = await store.images.load(stream(archive), { onProgress: (event) => progress.push(event) })
    expect(images.flatMap(({ references }) => references)).toEqual(['a:latest', 'b:latest'])
    const statuses = progress.flatMap((event) => (event.kind === 'layer' ? [event.status] : []))
    expect(statuses.filter((status) => status === 'done')).toHaveLength(2)
    expect(statuses.filter((status) => status === 'exists')).toHaveLength(2)
    expect(progress.findLast((event) => event.kind === 'bytes')).toEqual({ kind: 'bytes', current: archive.length })
    expect(progress.filter((event) => event.kind === 'loaded')).toEqual(
      images.map(({ id, references }) => ({ kind: 'loaded', id, references })),
    )
  })

  it('follows the symlinks that older docker save writes for shared layers', async () => {
    const { 'layer0/layer.tar': _, ...files } = dockerArchive({ layers: [lower] })
    await load({
      'abc/layer.tar': lower,
      'layer0/layer.tar': { type: 'symlink', linkname: '../abc/layer.tar' },
      ...files,
    })
    expect(store.fileOf('app:1', '/etc/name')).toBe('lower')
  })

  it('takes layers that are compressed, also in a docker-archive', async () => {
    const files = dockerArchive({ layers: [lower] })
    await load({ ...files, 'layer0/layer.tar': gzipSync(lower) })
    expect(store.fileOf('app:1', '/etc/name')).toBe('lower')
  })

  it('reads of a plain tar by its path only what the image needs', async () => {
    const files = dockerArchive({ layers: [lower, upper] })
    const path = join(directory, 'image.tar')
    await writeFile(path, await tar({ ...files, 'rubbish.bin': Buffer.alloc(2_000_000) }))
    const progress: ImageProgress[] = []
    const onProgress = (event: ImageProgress) => void progress.push(event)
    await store.images.load(path, { onProgress })
    expect(store.fileOf('app:1', '/etc/name')).toBe('upper')
    const bytes = progress.findLast((event) => event.kind === 'bytes') as { current: number }
    expect(bytes.current).toBeLessThan(100_000)
    progress.length = 0
    await store.images.load(path, { onProgress })
    const again = progress.findLast((event) => event.kind === 'bytes') as { current: number }
    expect(again.current).toBeLessThan(Math.min(lower.length, bytes.current))
  })

  it('moves a name from one image to the next', async () => {
    const [old] = await load(dockerArchive({ layers: [lower] }))
    const [now] = await load(dockerArchive({ layers: [upper] }))
    expect(store.images.get('app:1').id).toBe(now?.id)
    expect(store.images.get(old?.id as string).references).toEqual([])
  })

  it('takes an image without layers and without names', async () => {
    const [image] = await load(dockerArchive({ layers: [] }, null))
    expect(store.images.get(image?.id as string)).toMatchObject({ references: [], chain: [], layers: [] })
  })

  it('reads the OCI side of an archive that is both, with the tags of both', async () => {
    const layout = new Layout()
    const image = layout.image({ layers: [lower] }, (layer) => layer)
    const { config, layers } = JSON.parse(String(layout.files[`blobs/sha256/${image.digest.slice(7)}`]))
    const blob = ({ digest }: { digest: string }) => `blobs/sha256/${digest.slice(7)}`
    const manifest = [{ Config: blob(config), RepoTags: ['app:tagged'], Layers: layers.map(blob) }]
    const [loaded] = await load({
      ...layout.index(named(image, 'docker.io/library/app:annotated')),
      'manifest.json': JSON.stringify(manifest),
    })
    expect(loaded?.references).toEqual(['app:annotated', 'app:tagged'])
    expect(store.images.get(`app@${image.digest}`).id).toBe(loaded?.id)
  })

  it('chooses from a nested index what fits this host', async () => {
    const layout = new Layout()
    const [wrong, right] = [layout.image({ layers: [lower] }), layout.image({ layers: [upper] })]
    const nested = layout.nested([
      { ...wrong, platform: { os: 'linux', architecture: opposite } },
      { ...right, platform: { os: 'linux', architecture: own } },
      { ...right, platform: { os: 'unknown', architecture: 'unknown' } },
    ])
    await load(layout.index(named(nested, 'app')))
    expect(store.fileOf('app', '/etc/name')).toBe('upper')
  })

  it('says what an index offers when nothing fits', async () => {
    const layout = new Layout()
    const image = layout.image({ layers: [lower] })
    const platforms = ['s390x', 'ppc64le'].map((architecture) => ({
      ...image,
      platform: { os: 'linux', architecture },
    }))
    await expect(load(layout.index(named(layout.nested(platforms), 'app')))).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
      message: `no image in the archive is for linux/${own}; it has linux/s390x, linux/ppc64le`,
    })
    expect(store.remains()).toEqual([])
  })

  it('reads an unpacked layout, and only below its directory', async () => {
    const layout = new Layout()
    const files = layout.index(named(layout.image({ layers: [lower] }), 'app'))
    await store.images.load(unpacked(join(directory, 'good'), files))
    expect(store.fileOf('app', '/etc/name')).toBe('lower')
    const bad = unpacked(join(directory, 'bad'), { 'oci-layout': files['oci-layout'] as string })
    await writeFile(join(directory, 'index.json'), String(files['index.json']))
    symlinkSync('../index.json', join(bad, 'index.json'))
    await expect(store.images.load(bad)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
  })

  it('says which file does not exist', async () => {
    await expect(store.images.load('/nonexistent/image.tar')).rejects.toMatchObject({
      name: 'NotFoundError',
      code: 'FILE_NOT_FOUND',
      message: 'open /nonexistent/image.tar: no such file or directory',
    })
  })

  it('stops when it is aborted, and leaves nothing', async () => {
    const archive = await tar(dockerArchive({ layers: [await tar({ big: Buffer.alloc(3_000_000) })] }))
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = (event: ImageProgress) => event.kind === 'layer' && controller.abort(reason)
    const loading = store.images.load(stream(archive), { signal: controller.signal, onProgress })
    await expect(loading).rejects.toBe(reason)
    await expect(store.images.load(stream(archive), { signal: controller.signal })).rejects.toBe(reason)
    expect(store.remains()).toEqual([])
    expect(store.images.list()).toEqual([])
  })

  it('adds no image when another of the archive is broken', async () => {
    const good = dockerArchive({ layers: [lower] }, ['good'])
    const bad = dockerArchive(
      { layers: [upper], document: { rootfs: { type: 'layers', diff_ids: [sha256('other')] } } },
      ['bad'],
    )
    const manifests = [good, bad].map((files) => JSON.parse(files['manifest.json'] as string)[0])
    manifests[1].Layers = ['bad.tar']
    const archive = {
      ...good,
      ...bad,
      'bad.tar': upper,
      'layer0/layer.tar': lower,
      'manifest.json': JSON.stringify(manifests),
    }
    await expect(load(archive)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(store.images.list()).toEqual([])
    expect(store.remains()).toEqual([])
  })
})
