import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, sha256, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { repositoryOf } from '../../test/support/repositories.js'
import { ScriptedRegistry } from '../../test/support/scripted-registry.js'
import { parseReference } from '../reference/reference.js'
import { openImageRecords } from '../store/images.js'
import type { ImageProgress, OnProgress } from './progress.js'

const own = process.arch === 'arm64' ? 'arm64' : 'amd64'
const opposite = own === 'arm64' ? 'amd64' : 'arm64'
const blobs = /^GET .*\/blobs\//

let store: TestStore
let registry: ScriptedRegistry
beforeEach(async () => {
  store = await testStore()
  registry = await ScriptedRegistry.start()
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  store[Symbol.dispose]()
})

interface Options {
  readonly platform?: string
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
  readonly path?: string
  readonly from?: TestStore
}

/** Pulls `:tag`, `@digest`, or latest, of a repository of the registry. */
function pull(name = '', { path = 'library/x', from = store, ...options }: Options = {}) {
  const reference = parseReference(`${registry.host}/${path}${name}`)
  return from.images.pull(repositoryOf(registry, path), reference, options)
}
const named = (name: string) => `${registry.host}/library/x${name}`
const tree = (name: string) => ({ [`etc/${name}`]: name })

describe('a pull', () => {
  it('makes an image with the names, the manifest and the layers that the registry has', async () => {
    const image = await registry.addImage('library/x', {
      layers: [tree('lower'), tree('upper')],
      config: { Cmd: ['x'] },
    })
    const pulled = await pull()
    expect(pulled).toEqual({ id: image.config.digest, digest: image.digest, isNew: true })
    const record = store.images.get(named(':latest'))
    expect(record).toMatchObject({
      id: image.config.digest,
      references: [named(':latest')],
      digests: [named(`@${image.digest}`)],
      config: { Cmd: ['x'] },
      layers: image.layers.map(({ digest, mediaType }) => ({ blob: digest, mediaType })),
    })
    expect(store.fileOf(record.id, '/etc/upper')).toBe('upper')
    expect(store.fileOf(record.id, '/etc/lower')).toBe('lower')
    const kept = image.layers.length * 2 + 1
    await store.images.settled()
    expect(store.remains()).toHaveLength(kept)
    expect(store.remains()).toContain(`content/sha256/${image.digest.slice(7)}`)
  })

  it('asks once more, with one request, when it is repeated, and writes nothing', async () => {
    const image = await registry.addImage('library/x')
    await pull()
    const before = registry.asked().length
    const progress: ImageProgress[] = []
    const again = await pull('', { onProgress: (event) => progress.push(event) })
    expect(again).toEqual({ id: image.config.digest, digest: image.digest, isNew: false })
    expect(registry.asked().slice(before)).toEqual(['HEAD /v2/library/x/manifests/latest'])
    const said = { reference: named(':latest'), digest: image.digest }
    expect(progress).toEqual([
      { kind: 'manifest', ...said, repository: 'library/x' },
      { kind: 'image', ...said, isNew: false },
    ])
  })

  it('takes a tag, a digest, or both, of which the digest counts', async () => {
    const old = await registry.addImage('library/x', { tag: 'v1' })
    await registry.addImage('library/x', { tag: 'v1', layers: [tree('new')] })
    expect(await pull(`:v1@${old.digest}`)).toMatchObject({ id: old.config.digest })
    expect(store.images.get(old.config.digest)).toMatchObject({ references: [], digests: [named(`@${old.digest}`)] })
    expect((await pull(':v1')).id).not.toBe(old.config.digest)
    expect(await pull(`@${old.digest}`)).toMatchObject({ isNew: false })
  })

  it('moves a tag when it means something else now, and fetches only what is new', async () => {
    const old = await registry.addImage('library/x', { layers: [tree('base'), tree('old')] })
    await pull()
    const now = await registry.addImage('library/x', { layers: [tree('base'), tree('now')] })
    const before = registry.asked(blobs).length
    const progress: ImageProgress[] = []
    expect(await pull('', { onProgress: (event) => progress.push(event) })).toMatchObject({ isNew: true })
    expect(registry.asked(blobs).slice(before).sort()).toEqual(
      [now.config, now.layers[1]].map((blob) => `GET /v2/library/x/blobs/${blob?.digest}`).sort(),
    )
    expect(statusesOf(progress, now.layers[0]?.digest)).toEqual(['waiting', 'exists'])
    expect(store.images.get(old.config.digest).references).toEqual([])
    expect(store.images.get(old.config.digest).digests).toEqual([named(`@${old.digest}`)])
  })

  it('only adds names to an image that is here already, from wherever', async () => {
    const layer = await tar(tree('a'))
    const image = await registry.addImage('library/x', { layers: [layer] })
    const [config] = [image.blobs.get(image.config.digest) as Buffer]
    const archive = dockerArchive({ layers: [layer], document: JSON.parse(config.toString()) })
    const [loaded] = await store.images.load(stream(await tar(archive)))
    expect(loaded?.id).toBe(image.config.digest)
    expect(await pull()).toMatchObject({ id: image.config.digest, isNew: true })
    expect(registry.asked(blobs)).toEqual([])
    expect(store.images.get('app:1').references).toEqual([named(':latest'), 'app:1'].sort())
  })

  it('uses the blob that a layer has here, compressed or not, and remembers what the repository has', async () => {
    const layer = await tar(tree('a'))
    await store.images.load(stream(await tar(dockerArchive({ layers: [layer] }))))
    const image = await registry.addImage('library/x', { layers: [tree('a')], config: { Cmd: ['other'] } })
    await pull()
    expect(registry.asked(blobs)).toEqual([`GET /v2/library/x/blobs/${image.config.digest}`])
    expect(store.images.get(named('')).layers).toMatchObject([{ blob: sha256(layer), diffId: sha256(layer) }])
    const [remote] = image.layers
    expect(openImageRecords(store.database).remoteLayers(sha256(layer))).toEqual([
      {
        diff_id: sha256(layer),
        repository: `${registry.host}/library/x`,
        digest: remote?.digest,
        size: remote?.size,
        media_type: remote?.mediaType,
      },
    ])
  })

  it('tells what happens to each layer, and at last the name', async () => {
    const layer = await tar({ big: randomBytes(400_000) })
    const image = await registry.addImage('library/x', { layers: [layer] })
    const progress: ImageProgress[] = []
    await pull('', { onProgress: (event) => progress.push(event) })
    const [digest, size] = [image.layers[0]?.digest, image.layers[0]?.size]
    expect([...new Set(statusesOf(progress, digest))]).toEqual([
      'waiting',
      'downloading',
      'verifying',
      'extracting',
      'done',
    ])
    const counts = progress.flatMap((event) => (event.kind === 'layer' ? (event.current ?? []) : []))
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(counts.at(-1)).toBe(size)
    expect(progress.at(-1)).toEqual({ kind: 'image', reference: named(':latest'), digest: image.digest, isNew: true })
  })

  it('copies layers where overlay cannot be', async () => {
    using vfs = await testStore('vfs')
    await registry.addImage('library/x', { layers: [tree('a'), tree('b'), tree('c')] })
    const { id } = await pull('', { from: vfs })
    const { chain } = vfs.images.get(id)
    expect(['a', 'b', 'c'].map((name) => vfs.snapshots.readFile(chain, undefined, `/etc/${name}`))).toEqual([
      'a',
      'b',
      'c',
    ])
  })

  it('takes plain and compressed layers, and the same layer twice', async () => {
    const layer = await tar(tree('a'))
    const plain = await registry.addImage('library/x', { layers: [layer, layer, tree('b')] })
    await pull()
    expect(store.images.get(plain.config.digest).layers).toHaveLength(3)
    expect(registry.asked(blobs).filter((line) => line.includes(sha256(layer)))).toHaveLength(1)
  })
})

describe('an index', () => {
  it('gives the manifest for this host, and the index its digest', async () => {
    const [wrong, right] = [
      await registry.addImage('library/x', { tag: 'a', platform: { os: 'linux', architecture: opposite } }),
      await registry.addImage('library/x', { tag: 'b', layers: [tree('right')] }),
    ]
    const index = registry.addIndex('library/x', 'multi', [wrong, right])
    expect(await pull(':multi')).toEqual({ id: right.config.digest, digest: index, isNew: true })
    expect(store.images.get(named(':multi')).digests).toEqual([named(`@${index}`)])
    expect(store.remains()).toContain(`content/sha256/${right.digest.slice(7)}`)
    expect(store.images.get(named(`@${index}`)).id).toBe(right.config.digest)
    expect(await pull(':multi')).toMatchObject({ isNew: false })
  })

  it('gives the manifest that was asked for, which then has the name', async () => {
    const [other, mine] = [
      await registry.addImage('library/x', { tag: 'a', platform: { os: 'linux', architecture: opposite } }),
      await registry.addImage('library/x', { tag: 'b', layers: [tree('mine')] }),
    ]
    registry.addIndex('library/x', 'multi', [other, mine], true)
    expect(await pull(':multi')).toMatchObject({ id: mine.config.digest })
    expect(await pull(':multi', { platform: `linux/${opposite}` })).toMatchObject({
      id: other.config.digest,
      isNew: true,
    })
    expect(store.images.get(named(':multi')).architecture).toBe(opposite)
    expect(await pull(':multi')).toMatchObject({ id: mine.config.digest, isNew: true })
  })

  it('says what it offers when nothing fits', async () => {
    const image = await registry.addImage('library/x', { tag: 'a', platform: { os: 'linux', architecture: 's390x' } })
    registry.addIndex('library/x', 'multi', [image])
    await expect(pull(':multi', { platform: 'linux/arm64' })).rejects.toMatchObject({
      name: 'NotFoundError',
      code: 'PLATFORM_NOT_FOUND',
      message: 'no matching manifest for linux/arm64 in the manifest list entries',
      details: { offered: ['linux/s390x'] },
    })
    expect(store.remains()).toEqual([])
  })

  it('may be nested, but not without end', async () => {
    const image = await registry.addImage('library/x', { tag: 'a' })
    let inner: Parameters<typeof indexOf>[0] = image
    for (let depth = 0; depth < 7; depth++) {
      const bytes = indexOf(inner)
      const digest = registry.repositories.putManifest('library/x', `nested${depth}`, { mediaType: ociIndex, bytes })
      inner = { ...image, mediaType: ociIndex, digest, size: bytes.length }
    }
    expect(await pull(':nested2')).toMatchObject({ id: image.config.digest })
    await expect(pull(':nested6')).rejects.toMatchObject({ code: 'REGISTRY_INVALID', message: /more than 4 deep/ })
  })

  it('is passed over where it names attestations', async () => {
    const image = await registry.addImage('library/x', { tag: 'a' })
    const attestation = { ...image, platform: { os: 'unknown', architecture: 'unknown' } }
    registry.addIndex('library/x', 'multi', [attestation, image])
    expect(await pull(':multi')).toMatchObject({ id: image.config.digest })
  })
})

describe('a lone manifest for another platform', () => {
  it('is pulled with a warning', async () => {
    await registry.addImage('library/x', { platform: { os: 'linux', architecture: opposite } })
    const progress: ImageProgress[] = []
    await pull('', { onProgress: (event) => progress.push(event) })
    expect(progress).toContainEqual({
      kind: 'warning',
      message: `The requested image's platform (linux/${opposite}) does not match the detected host platform (linux/${own})`,
    })
  })

  it('is refused when a platform was asked for', async () => {
    await registry.addImage('library/x')
    await expect(pull('', { platform: `linux/${opposite}` })).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      message: `image with reference ${named('')} was found but does not provide the specified platform (linux/${opposite})`,
    })
    expect(store.remains()).toEqual([])
  })
})

describe('what cannot be an image', () => {
  afterEach(() => {
    expect(store.images.list()).toEqual([])
    expect(store.remains()).toEqual([])
  })
  const failing = async (code: string, message: RegExp) =>
    await expect(pull()).rejects.toMatchObject({ code, message: expect.stringMatching(message) })

  it('is a tag that is not there', async () => {
    await registry.addImage('library/x')
    await expect(pull(':nope')).rejects.toMatchObject({ code: 'MANIFEST_NOT_FOUND' })
  })

  it.each([
    ['foreign', { mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }],
    ['elsewhere', { urls: ['https://elsewhere.example/layer'] }],
  ])('has a layer that is %s', async (_, change) => {
    await registry.addImage('library/x', {
      docker: true,
      manifest: (document) => ({ ...document, layers: [{ ...document.layers[0], ...change }] }),
    })
    await failing('REGISTRY_INVALID', /is foreign/)
  })

  it('has fewer layers than its configuration', async () => {
    await registry.addImage('library/x', { manifest: (document) => ({ ...document, layers: [] }) })
    await failing('REGISTRY_INVALID', /layers length mismatch: expected 1, got 0/)
  })

  it('has more than 127 layers', async () => {
    const layers = Array.from({ length: 128 }, (_, at) => ({ [`file${at}`]: '' }))
    await registry.addImage('library/x', { layers, gzip: false })
    await failing('TOO_MANY_LAYERS', /^max depth exceeded/)
  })

  it('has a configuration that is too large', async () => {
    await registry.addImage('library/x', {
      manifest: (document) => ({ ...document, config: { ...document.config, size: 9 * 1024 * 1024 } }),
    })
    await failing('REGISTRY_INVALID', /8388608 are allowed/)
  })

  it('lies about the size of a layer', async () => {
    await registry.addImage('library/x', {
      manifest: (document) => ({ ...document, layers: [{ ...document.layers[0], size: 7 }] }),
    })
    await failing('DIGEST_MISMATCH', /size/)
  })

  it('has a layer whose content is not what the configuration says', async () => {
    const other = gzipSync(await tar(tree('other')))
    const image = await registry.addImage('library/x', {
      manifest: (document) => ({
        ...document,
        layers: [{ ...document.layers[0], digest: sha256(other), size: other.length }],
      }),
    })
    registry.repositories.get('library/x')?.blobs.set(sha256(other), other)
    await failing('DIGEST_MISMATCH', /the image says/)
    expect(image.layers).toHaveLength(1)
  })

  it.each([0, 30_000])('is damaged on its way, at byte %i of a layer', async (at) => {
    const image = await registry.addImage('library/x', { layers: [{ file: randomBytes(60_000) }] })
    registry.fault({ on: new RegExp(`GET .*${image.layers[0]?.digest}`), effect: { kind: 'corrupt', at } })
    await failing('DIGEST_MISMATCH', /was announced/)
  })
})

describe('a pull that is aborted', () => {
  it('stops at once, closes its connections and leaves nothing', async () => {
    await registry.addImage('library/x', { layers: [{ a: randomBytes(200_000) }, { b: randomBytes(200_000) }] })
    registry.fault({ on: blobs, skip: 1, effect: { kind: 'slow', chunk: 1000, everyMs: 20 } })
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = (event: ImageProgress) =>
      event.kind === 'layer' && (event.current ?? 0) > 0 && controller.abort(reason)
    await expect(pull('', { signal: controller.signal, onProgress })).rejects.toBe(reason)
    expect(store.remains()).toEqual([])
    await expect(pull('', { signal: controller.signal })).rejects.toBe(reason)
  })

  it('lets another that waits for the same layer take it over', async () => {
    const image = await registry.addImage('library/x', { layers: [{ a: randomBytes(200_000) }] })
    registry.fault({ on: blobs, skip: 1, times: 1, effect: { kind: 'stall', after: 1000 } })
    const controller = new AbortController()
    const waits = new Promise<void>((resolve) => {
      const onProgress = (event: ImageProgress) => event.kind === 'layer' && (event.current ?? 0) > 0 && resolve()
      pull('', { signal: controller.signal, onProgress }).catch(() => {})
    })
    await waits
    const second = pull()
    controller.abort()
    expect(await second).toMatchObject({ id: image.config.digest })
  })
})

describe('pulls at the same time', () => {
  it('fetch and extract what they share once', async () => {
    const shared = [{ a: randomBytes(300_000) }, { b: randomBytes(300_000) }]
    const images = [
      await registry.addImage('library/x', { tag: '1', layers: shared }),
      await registry.addImage('library/x', { tag: '2', layers: [...shared, tree('own')] }),
    ]
    const progress: ImageProgress[] = []
    const onProgress = (event: ImageProgress) => progress.push(event)
    await Promise.all([':1', ':2', ':1'].map((name) => pull(name, { onProgress })))
    const layers = new Set(images.flatMap(({ layers }) => layers.map(({ digest }) => digest)))
    for (const digest of layers) {
      expect(registry.asked(new RegExp(`GET .*/blobs/${digest}`))).toHaveLength(1)
      expect(statusesOf(progress, digest).filter((status) => status === 'done')).toHaveLength(1)
    }
    await store.images.settled()
    expect(store.remains()).toHaveLength(3 + 3 + 2)
  })

  it('fetch no more blobs at once than allowed, all together', async () => {
    const layers = Array.from({ length: 4 }, (_, at) => ({ [`file${at}`]: randomBytes(20_000) }))
    await registry.addImage('library/x', { tag: '1', layers })
    await registry.addImage('library/x', { tag: '2', layers: layers.map((layer) => ({ ...layer, more: 'x' })) })
    let open = 0
    let most = 0
    const onProgress = (event: ImageProgress) => {
      if (event.kind !== 'layer') return
      if (event.status === 'downloading' && event.current === 0) most = Math.max(most, ++open)
      if (event.status === 'verifying') open--
    }
    registry.fault({ on: blobs, effect: { kind: 'slow', chunk: 5000, everyMs: 5 } })
    await Promise.all([pull(':1', { onProgress }), pull(':2', { onProgress })])
    expect(most).toBe(3)
  })
})

const ociIndex = 'application/vnd.oci.image.index.v1+json'

function indexOf({
  mediaType,
  digest,
  size,
  platform,
}: {
  mediaType: string
  digest: string
  size: number
  platform: object
}) {
  const manifests = [{ mediaType, digest, size, platform }]
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }))
}

function statusesOf(progress: readonly ImageProgress[], layer: string | undefined): string[] {
  return progress.flatMap((event) => (event.kind === 'layer' && event.layer === layer ? [event.status] : []))
}
