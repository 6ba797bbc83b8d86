import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  dockerArchive,
  type Entries,
  indexType,
  Layout,
  manifestType,
  named,
  sha256,
  stream,
  tar,
  unpacked,
} from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { busyboxForm } from '../../test/support/images.js'

let store: TestStore
let layer: Buffer
beforeEach(async () => {
  store = await testStore()
  layer = await tar({ 'etc/name': 'x' })
})
afterEach(() => {
  expect(store.images.list()).toEqual([])
  expect(store.remains()).toEqual([])
  store[Symbol.dispose]()
})

const load = async (entries: Entries) => store.images.load(stream(await tar(entries)))
const invalid = (message: RegExp | string) =>
  expect.objectContaining({
    name: 'InvalidOptionError',
    code: 'INVALID_ARCHIVE',
    message: expect.stringMatching(message),
  })
const mismatch = expect.objectContaining({ name: 'DigestMismatchError', code: 'DIGEST_MISMATCH' })

it('an image of more layers than can be stacked is refused before any is extracted', async () => {
  const files = dockerArchive({ layers: Array(128).fill(layer) })
  await expect(load(files)).rejects.toMatchObject({
    name: 'LayerError',
    code: 'TOO_MANY_LAYERS',
    message: 'max depth exceeded: 128 layers, 127 are allowed',
  })
})

it('an archive longer than it may be is refused, whatever holds it', async () => {
  const files = dockerArchive({ layers: [await tar({ big: Buffer.alloc(200_000) })] })
  const directory = unpacked(mkdtempSync('/tmp/ib-long-'), { ...files, 'whole.tar': await tar(files) })
  const long = invalid(/longer than the 100000 bytes that are allowed/)
  const sources = [stream(gzipSync(await tar(files))), join(directory, 'whole.tar'), directory]
  for (const source of sources) await expect(store.images.load(source, { maxBytes: 100_000 })).rejects.toEqual(long)
  rmSync(directory, { recursive: true })
})

describe('an archive that is not one', () => {
  it.each([
    ['nothing', Buffer.alloc(0), /truncated/],
    ['zeros', Buffer.alloc(10_240), /empty/],
    ['text', Buffer.from('this is no tar\n'.repeat(1000)), /cannot be read/],
    ['half a gzip', gzipSync(Buffer.alloc(100_000, 'x')).subarray(0, 60), /cannot be read/],
    ['bzip2', Buffer.from('BZh91AY&SY............'), /bzip2 data is corrupt or truncated/],
  ])('is refused: %s', async (_, bytes, message) => {
    await expect(store.images.load(stream(bytes))).rejects.toEqual(invalid(message))
  })

  it('is a root filesystem: the message names import()', async () => {
    await expect(load({ 'bin/sh': 'x' })).rejects.toEqual(
      invalid(/neither manifest.json .* nor index.json .* import\(\)/),
    )
  })

  it('is a stream of strings', async () => {
    async function* strings() {
      yield 'text'
    }
    const loading = store.images.load(strings() as unknown as AsyncIterable<Uint8Array>)
    await expect(loading).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('a docker-archive', () => {
  const change = (entries: Record<string, unknown>) => async () => {
    const files = dockerArchive({ layers: [layer] })
    const [manifest] = JSON.parse(files['manifest.json'] as string)
    return { ...files, 'manifest.json': JSON.stringify([{ ...manifest, ...entries }]) } as Entries
  }
  const config = (document: object) => async () => dockerArchive({ layers: [layer], document })

  it.each([
    ['a manifest that is no list', async () => ({ 'manifest.json': '{}' }), /manifest.json must be an array/],
    ['a manifest of nothing', async () => ({ 'manifest.json': '[]' }), /names no image/],
    ['broken JSON', async () => ({ 'manifest.json': '[{' }), /manifest.json is not valid JSON/],
    ['JSON that is not UTF-8', async () => ({ 'manifest.json': Buffer.from([0x22, 0xff, 0x22]) }), /not valid JSON/],
    ['JSON too deep', async () => ({ 'manifest.json': '['.repeat(100_000) }), /nested more than 64 deep/],
    [
      'a manifest too long',
      async () => ({ 'manifest.json': `[${' '.repeat(4 * 1024 * 1024)}]` }),
      /longer than 4194304 bytes/,
    ],
    ['a configuration too long', config({ comment: 'x'.repeat(8 * 1024 * 1024) }), /longer than 8388608 bytes/],
    ['a configuration outside of it', change({ Config: '../../etc/passwd' }), /points outside of the root/],
    ['a layer outside of it', change({ Layers: ['../../etc/passwd'] }), /points outside of the root/],
    ['a layer by an absolute path', change({ Layers: ['/etc/passwd'] }), /has no "etc\/passwd"/],
    ['a layer that is missing', change({ Layers: ['absent.tar'] }), /has no "absent.tar": it is incomplete/],
    ['too few layers', change({ Layers: [] }), /layers length mismatch: expected 1, got 0/],
    ['layers that are no texts', change({ Layers: [{}] }), /Layers must be a string/],
    ['another operating system', config({ os: 'windows' }), /operating system "windows"/],
    ['no root filesystem', config({ rootfs: undefined }), /rootfs must be an object/],
    ['diff ids of another kind', config({ rootfs: { type: 'layers', diff_ids: ['md5:00'] } }), /not a sha256 digest/],
    ['an environment of numbers', config({ config: { Env: [1] } }), /config.Env must be a string, not 1/],
  ])('is refused with %s', async (_, files, message) => {
    await expect(load(await files())).rejects.toEqual(invalid(message))
  })

  it('is refused with a name that Docker would not take', async () => {
    await expect(load(dockerArchive({ layers: [layer] }, ['Bad:1']))).rejects.toMatchObject({
      code: 'INVALID_REFERENCE',
    })
  })

  it('is refused when a layer is not the one of the configuration', async () => {
    const other = await tar({ 'etc/name': 'other' })
    await expect(load({ ...dockerArchive({ layers: [layer] }), 'layer0/layer.tar': other })).rejects.toEqual(mismatch)
  })

  it.each([
    ['leads out', '../../../../etc/hostname'],
    ['is absolute', '/etc/hostname'],
    ['loops', 'layer.tar'],
  ])('is refused when a layer is a symlink that %s', async (_, linkname) => {
    const files = dockerArchive({ layers: [layer] })
    await expect(load({ ...files, 'layer0/layer.tar': { type: 'symlink', linkname } })).rejects.toEqual(
      invalid(/outside|has no/),
    )
  })

  it('is refused with devices in it', async () => {
    const node = { type: 'character-device', devmajor: 1, devminor: 3 } as const
    await expect(load({ ...dockerArchive({ layers: [layer] }), null: node })).rejects.toEqual(invalid(/device or pipe/))
  })

  it('cannot write outside through its layers', async () => {
    const canary = mkdtempSync('/tmp/ib-canary-')
    const bad = await tar({ [`../../../../../../..${canary}/owned`]: 'x' })
    await expect(load(dockerArchive({ layers: [layer, bad] }))).rejects.toMatchObject({ code: 'LAYER_ESCAPES' })
    expect(existsSync(join(canary, 'owned'))).toBe(false)
    rmSync(canary, { recursive: true })
  })

  it('cannot write outside through a symlink in its layers', async () => {
    const canary = mkdtempSync('/tmp/ib-canary-')
    const bad = await tar({ out: { type: 'symlink', linkname: canary }, 'out/owned': 'x' })
    await expect(load(dockerArchive({ layers: [bad] }))).rejects.toMatchObject({ name: 'LayerError' })
    expect(existsSync(join(canary, 'owned'))).toBe(false)
    rmSync(canary, { recursive: true })
  })
})

describe('an OCI layout', () => {
  const layout = () => {
    const one = new Layout()
    return { one, image: one.image({ layers: [layer] }) }
  }
  const withManifest = (change: object, mediaType = manifestType) => {
    const { one, image } = layout()
    const manifest = JSON.parse(String(one.files[`blobs/sha256/${image.digest.slice(7)}`]))
    return one.index(named(one.blob(mediaType, { ...manifest, ...change }), 'app'))
  }

  it.each([
    ['a document that is both index and manifest', () => withManifest({ manifests: [] }), /ambiguous/],
    ['a manifest called an index', () => withManifest({ mediaType: undefined }, indexType), /not what its media type/],
    ['a media type inside that is another', () => withManifest({ mediaType: indexType }), /is referred to as/],
    ['an old schema', () => withManifest({ schemaVersion: 1 }), /schema version 1/],
    [
      'a layer of a strange kind',
      () => withManifest({ layers: [{ mediaType: 'text/plain', digest: sha256(''), size: 0 }] }),
      /media type "text\/plain"/,
    ],
    [
      'a size that is no number',
      () => withManifest({ layers: [{ mediaType: 'x', digest: sha256(''), size: -1 }] }),
      /whole number/,
    ],
    [
      'a configuration that is huge',
      () =>
        withManifest({
          config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(''), size: 1e12 },
        }),
      /1000000000000 bytes/,
    ],
    [
      'an unknown layout version',
      () => ({ ...withManifest({}), 'oci-layout': '{"imageLayoutVersion":"2.0.0"}' }),
      /version "2.0.0"/,
    ],
    ['an index of nothing', () => layout().one.index(), /names no image/],
    [
      'an index without a digest',
      () => layout().one.index({ mediaType: manifestType, digest: '../../x', size: 1 }),
      /is not a sha256 digest/,
    ],
  ])('is refused with %s', async (_, files, message) => {
    await expect(load(files() as Entries)).rejects.toEqual(invalid(message))
  })

  it('is refused when indexes are nested without end', async () => {
    const { one, image } = layout()
    const nest = (blob: object, depth: number): object => (depth === 0 ? blob : nest(one.nested([blob]), depth - 1))
    await expect(load(one.index(nest(image, 7)))).rejects.toEqual(invalid(/nests indexes/))
  })

  it.each(['manifest', 'config', 'layer'] as const)('is refused when its %s was tampered with', async (which) => {
    const { one, image } = layout()
    const name = (digest: string) => `blobs/sha256/${digest.slice(7)}`
    const manifest = JSON.parse(String(one.files[name(image.digest)]))
    const digest = { manifest: image.digest, config: manifest.config.digest, layer: manifest.layers[0].digest }[which]
    const bytes = Buffer.from(one.files[name(digest)] as Buffer)
    bytes.writeUInt8((bytes.at(-3) as number) ^ 1, bytes.length - 3)
    const files = { ...one.index(image), [name(digest)]: bytes }
    await expect(load(files)).rejects.toEqual(mismatch)
    const directory = mkdtempSync('/tmp/ib-layout-')
    await expect(store.images.load(unpacked(directory, files))).rejects.toEqual(mismatch)
    rmSync(directory, { recursive: true })
  })

  it('is refused when a big blob is not what its name says', async () => {
    const { one, image } = layout()
    const files = { ...one.index(image), [`blobs/sha256/${'0'.repeat(64)}`]: Buffer.alloc(200_000) }
    await expect(load(files)).rejects.toEqual(mismatch)
  })

  it('does not hang on a pipe among its files', async () => {
    const { one, image } = layout()
    const directory = unpacked(mkdtempSync('/tmp/ib-layout-'), one.index(image))
    rmSync(join(directory, 'index.json'))
    execFileSync('mkfifo', [join(directory, 'index.json')])
    await expect(store.images.load(directory)).rejects.toEqual(invalid(/not a regular file/))
    rmSync(directory, { recursive: true })
  })
})

describe('a foreign layer', () => {
  const foreign = (isThere: boolean) => {
    const layout = new Layout()
    const image = layout.image({ layers: [layer] })
    const document = JSON.parse(String(layout.files[`blobs/sha256/${image.digest.slice(7)}`]))
    const [{ digest }] = document.layers
    const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
    const layers = [{ ...document.layers[0], mediaType, urls: ['https://example.com/layer'] }]
    const manifest = layout.blob(manifestType, { ...document, layers })
    const files = layout.index(named(manifest, 'app'))
    if (!isThere) delete files[`blobs/sha256/${digest.slice(7)}`]
    return files
  }

  it('is refused where its content would have to come from elsewhere', async () => {
    await expect(load(foreign(false))).rejects.toEqual(
      invalid(/is foreign: its content would have to be fetched from "https:\/\/example.com\/layer", which is refused/),
    )
  })

  it('is as good as any when the archive has its bytes', async () => {
    const [image] = await load(foreign(true))
    await store.images.remove(image?.id as string, { force: true })
  })
})

describe('a truncated archive', () => {
  const points = Array.from({ length: 40 }, (_, at) => at / 40)

  it.each(points)('is refused at %f of its length', async (point) => {
    const archive = readFileSync(busyboxForm('dockerArchive'))
    const content = archive.subarray(0, archive.length - 10_240)
    const loading = store.images.load(stream(content.subarray(0, Math.floor(content.length * point))))
    await expect(loading).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
  })

  it.each(points)('is refused at %f of its length when it is a file', async (point) => {
    const archive = readFileSync(busyboxForm('dockerArchive'))
    const directory = mkdtempSync('/tmp/ib-truncated-')
    const path = join(directory, 'image.tar')
    writeFileSync(path, archive.subarray(0, Math.floor((archive.length - 10_240) * point)))
    await expect(store.images.load(path)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
    rmSync(directory, { recursive: true })
  })

  it('is refused when its file has a hole, a pipe or a link to itself in it', async () => {
    const directory = mkdtempSync('/tmp/ib-odd-')
    const path = join(directory, 'image.tar')
    const files = dockerArchive({ layers: [layer] })
    const odd = async (entries: Entries) => {
      writeFileSync(path, await tar({ ...files, ...entries }))
      return store.images.load(path)
    }
    await expect(odd({ pipe: { type: 'fifo' } })).rejects.toEqual(invalid(/is a device or pipe/))
    await expect(odd({ 'layer0/layer.tar': { type: 'symlink', linkname: 'layer.tar' } })).rejects.toEqual(
      invalid(/has no "layer0\/layer.tar"/),
    )
    execFileSync('truncate', ['-s', '1M', join(directory, 'sparse')])
    execFileSync('tar', ['--sparse', '-cf', path, '-C', directory, 'sparse'])
    await expect(store.images.load(path)).rejects.toEqual(invalid(/is a sparse file/))
    rmSync(directory, { recursive: true })
  })

  it.each(points)('is refused at %f of its length when it is compressed', async (point) => {
    const archive = readFileSync(busyboxForm('dockerArchiveGzip'))
    const loading = store.images.load(stream(archive.subarray(0, Math.floor(archive.length * point))))
    await expect(loading).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
  })

  it('is refused at every block of a small one', async () => {
    const archive = await tar(dockerArchive({ layers: [layer] }))
    const ends = Array.from({ length: (archive.length - 1024) / 512 }, (_, at) => at * 512)
    const loads = ends.map((end) => store.images.load(stream(archive.subarray(0, end))))
    const outcomes = await Promise.allSettled(loads)
    const refused = { status: 'rejected', reason: expect.objectContaining({ code: 'INVALID_ARCHIVE' }) }
    expect(outcomes).toEqual(ends.map(() => refused))
  })
})
