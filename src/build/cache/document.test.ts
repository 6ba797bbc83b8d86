import { describe, expect, it } from 'vitest'
import { type Digest, digestOf } from '../../content/digest.js'
import {
  type CacheDocument,
  chainTo,
  inlineCache,
  maxCacheBytes,
  parseCacheDocument,
  parseInlineCache,
  writeCacheDocument,
} from './document.js'
import { cacheMediaType, parseCacheIndex, parseCacheManifest, writeCacheIndex, writeCacheManifest } from './manifest.js'

const digest = (text: string): Digest => digestOf(text)
const cache: CacheDocument = {
  layers: [
    { diffId: digest('base'), parent: -1, blob: -1 },
    { diffId: digest('one'), parent: 0, blob: 0 },
    { diffId: digest('beside'), parent: 0, blob: 1 },
    { diffId: digest('two'), parent: 1, blob: 2 },
  ],
  steps: [
    { keys: [digest('a'), digest('b')], layer: 1, kind: 'run', description: 'RUN one', createdAtMs: 1 },
    { keys: [digest('c')], layer: 3, kind: 'copy', description: 'COPY two', createdAtMs: 2 },
    { keys: [digest('d')], layer: -1, kind: 'workdir', description: 'WORKDIR /', createdAtMs: 3 },
  ],
}

/** The document with something else in a place: `steps.0.kind`. */
function changed(path: string, value: unknown): Buffer {
  const document = JSON.parse(writeCacheDocument(cache).toString())
  const names = path.split('.')
  const last = names.pop() as string
  let at = document
  for (const name of names) at = at[name]
  at[last] = value
  return Buffer.from(JSON.stringify(document))
}

describe('the document of a cache', () => {
  it('is read as it was written', () => {
    expect(parseCacheDocument(writeCacheDocument(cache))).toEqual(cache)
  })

  it('tells the layers of a step, bottom first', () => {
    expect(chainTo(cache.layers, 3)).toEqual([0, 1, 3])
    expect(chainTo(cache.layers, 2)).toEqual([0, 2])
    expect(chainTo(cache.layers, -1)).toEqual([])
  })

  it.each([
    ['version', 2],
    ['version', '1'.repeat(1000)],
    ['layers', {}],
    ['layers.0', 'x'],
    ['layers.0.diffId', '../../etc/passwd'],
    ['layers.0.diffId', digest('x').toUpperCase()],
    ['layers.1.parent', 1],
    ['layers.1.parent', 2],
    ['layers.1.parent', -2],
    ['layers.1.parent', 0.5],
    ['layers.1.parent', null],
    ['layers.1.blob', -2],
    ['layers.1.blob', 1e9],
    ['steps', null],
    ['steps.0', []],
    ['steps.0.keys', 'sha256:'],
    ['steps.0.keys', Array(9).fill(digest('x'))],
    ['steps.0.keys.0', '__proto__'],
    ['steps.0.layer', 4],
    ['steps.0.layer', '1'],
    ['steps.0.kind', 'exec'],
    ['steps.0.kind', 'x'.repeat(1000)],
    ['steps.0.description', 'x'.repeat(100_000)],
    ['steps.0.created', -1],
    ['steps.0.created', 1e300],
    ['layers', Array(10_001).fill(cache.layers[0])],
    ['steps', Array(10_001).fill({})],
  ])('is refused with %s: %j', (path, value) => {
    expect(() => parseCacheDocument(changed(path, value))).toThrow(expect.objectContaining({ code: 'INVALID_ARCHIVE' }))
  })

  it('is refused when layers are on top of each other more often than can be mounted', () => {
    const tower = (height: number) =>
      Array.from({ length: height }, (_, at) => ({ diffId: digest(String(at)), parent: at - 1, blob: at }))
    expect(parseCacheDocument(writeCacheDocument({ layers: tower(127), steps: [] })).layers).toHaveLength(127)
    expect(() => parseCacheDocument(writeCacheDocument({ layers: tower(128), steps: [] }))).toThrow('more than 126')
  })

  it.each(['', '[', 'null', '[]', '"text"', '{}'])('is refused when it is %j', (text) => {
    expect(() => parseCacheDocument(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'INVALID_ARCHIVE' }))
  })

  it('is refused before it is read when it is too long', () => {
    expect(() => parseCacheDocument(Buffer.alloc(maxCacheBytes + 1))).toThrow('are allowed')
  })

  it("of an image has the image's layers, each on top of the one before", () => {
    const diffIds = [digest('base'), digest('one')]
    const read = parseInlineCache(JSON.parse(JSON.stringify(inlineCache(cache.steps.slice(0, 1)))), diffIds)
    expect(read.steps).toEqual(cache.steps.slice(0, 1))
    expect(chainTo(read.layers, 1)).toEqual([0, 1])
    expect(() => parseInlineCache(inlineCache(cache.steps), diffIds)).toThrow('from -1 to 1')
  })
})

describe('the manifest of a cache', () => {
  const blob = (text: string, mediaType = 'application/vnd.oci.image.layer.v1.tar') => ({
    mediaType,
    digest: digest(text),
    size: text.length,
  })
  const manifest = { config: blob('document', cacheMediaType), layers: [blob('one'), blob('two')] }

  it('is read as it was written', () => {
    expect(parseCacheManifest(writeCacheManifest(manifest).bytes)).toEqual(manifest)
  })

  it('is not that of an image, or an index', () => {
    const image = { schemaVersion: 2, config: blob('config', 'application/vnd.oci.image.config.v1+json'), layers: [] }
    expect(parseCacheManifest(Buffer.from(JSON.stringify(image)))).toBeUndefined()
    expect(parseCacheManifest(Buffer.from('{"manifests":[]}'))).toBeUndefined()
    expect(parseCacheManifest(writeCacheIndex(blob('x')))).toBeUndefined()
  })

  it.each([
    [{ layers: [{ ...blob('x'), digest: 'md5:1' }] }],
    [{ layers: [{ ...blob('x'), size: -1 }] }],
    [{ layers: [{ ...blob('x'), size: '1' }] }],
    [{ layers: [{ ...blob('x'), urls: ['http://elsewhere'] }] }],
    [{ layers: {} }],
    [{ layers: Array(10_001).fill(blob('x')) }],
    [{ config: { mediaType: cacheMediaType } }],
  ])('is refused with %j', (part) => {
    const bytes = Buffer.from(JSON.stringify({ ...manifest, ...part }))
    expect(() => parseCacheManifest(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_ARCHIVE' }))
  })

  it('is found by the index of a directory that has one cache', () => {
    expect(parseCacheIndex(writeCacheIndex(blob('manifest')))).toMatchObject({ digest: digest('manifest'), size: 8 })
    expect(() => parseCacheIndex(Buffer.from('{"manifests":[]}'))).toThrow('does not name one cache')
    expect(() => parseCacheIndex(Buffer.from('{"manifests":[null]}'))).toThrow('is no object')
  })
})
