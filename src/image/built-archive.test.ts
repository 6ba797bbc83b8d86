import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { failpoints } from '../errors/failpoint.js'
import type { WriteBuiltRequest } from './built-archive.js'
import type { ImageLayer } from './types.js'

let store: TestStore
let layers: readonly ImageLayer[]
let directory: string
beforeEach(async () => {
  store = await testStore()
  directory = mkdtempSync('/tmp/ib-built-')
  const archive = dockerArchive({ layers: [await tar({ one: '1' }), await tar({ two: Buffer.alloc(3_000_000, '2') })] })
  const [image] = await store.images.load(stream(await tar(archive)))
  layers = store.images.get(image?.id as string).layers
})
afterEach(() => {
  failpoints.clear()
  store[Symbol.dispose]()
  rmSync(directory, { recursive: true, force: true })
})

const at = (name: string) => join(directory, name)
const imageFor = (architecture: string) => ({
  layers,
  document: (diffIds: readonly string[]) =>
    Buffer.from(JSON.stringify({ architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } })),
})
const write = (changes: Partial<WriteBuiltRequest> = {}) =>
  store.images.writeBuilt({
    images: [imageFor('amd64')],
    references: ['me/app:1'],
    format: 'oci',
    target: at('out.tar'),
    ...changes,
  })

describe('writing what was built', () => {
  it('records nothing', async () => {
    await store.images.settled()
    const before = [store.remains(), store.images.list({ all: true })]
    await write()
    expect([store.remains(), store.images.list({ all: true })]).toEqual(before)
  })

  it('gives the same bytes each time', async () => {
    const [one, two] = [await write(), await write({ target: at('again.tar') })]
    expect(one).toEqual(two)
    expect(readFileSync(at('out.tar')).equals(readFileSync(at('again.tar')))).toBe(true)
    expect(readFileSync(at('out.tar'))).toHaveLength(one.size)
  })

  it('tells the IDs, and the digest of the index that joins several platforms', async () => {
    const images = [imageFor('amd64'), imageFor('arm64')]
    const { ids, digest } = await write({ images, target: { directory: at('layout') } })
    const index = JSON.parse(readFileSync(at('layout/index.json'), 'utf8'))
    expect(index.manifests.map((one: { digest: string }) => one.digest)).toEqual([digest])
    expect(new Set(ids).size).toBe(2)
    for (const id of ids) expect(existsSync(at(`layout/blobs/sha256/${id.slice(7)}`))).toBe(true)
  })

  it('mends a blob of a layout that has not its size, and leaves what is whole', async () => {
    const target = { directory: at('layout') }
    const { ids, size } = await write({ target })
    const path = at(`layout/blobs/sha256/${ids[0]?.slice(7)}`)
    const whole = readFileSync(path)
    writeFileSync(path, whole.subarray(1))
    const again = await write({ target })
    expect(readFileSync(path).equals(whole)).toBe(true)
    expect(again.size).toBeLessThan(size)
  })

  it.each([1, 2, 3, 4])('leaves a layout as it was, and nothing half made, when it fails at file %i', async (nth) => {
    const target = { directory: at('layout') }
    await write({ target })
    const before = [readFileSync(at('layout/index.json')), (await store.images.load(at('layout')))[0]]
    let left = nth
    failpoints.set('exchange.layout', () => {
      if (--left === 0) throw new Error('failed here')
    })
    await expect(write({ target, images: [imageFor('s390x')] })).rejects.toThrow('failed here')
    expect([readFileSync(at('layout/index.json')), (await store.images.load(at('layout')))[0]]).toEqual(before)
    const names = readdirSync(at('layout'), { recursive: true, encoding: 'utf8' })
    expect(names.filter((name) => /(^|\/)\./.test(name))).toEqual([])
  })

  it('leaves nothing when it is stopped in the middle', async () => {
    const stop = new AbortController()
    const reason = new Error('stopped')
    const onProgress = () => stop.abort(reason)
    await expect(write({ signal: stop.signal, onProgress })).rejects.toBe(reason)
    expect(readdirSync(directory)).toEqual([])
  })

  it('stops also while nobody reads', async () => {
    const stop = new AbortController()
    const stalled = new PassThrough({ highWaterMark: 1 })
    const written = write({ target: stalled, signal: stop.signal })
    await new Promise((resolve) => stalled.once('readable', resolve))
    stop.abort(new Error('stopped'))
    await expect(written).rejects.toThrow('stopped')
    expect(stalled.destroyed).toBe(true)
  })

  it('refuses names that are none, and places that are no directory', async () => {
    await expect(write({ references: ['A:B:C'] })).rejects.toMatchObject({ code: 'INVALID_REFERENCE' })
    writeFileSync(at('file'), '')
    await expect(write({ target: { directory: at('file') } })).rejects.toMatchObject({ code: 'SYSCALL_FAILED' })
    expect(readdirSync(directory)).toEqual(['file'])
  })

  it('fails, and leaves nothing, when a layer is gone', async () => {
    rmSync(join(store.root, 'content/sha256', layers[1]?.blob?.slice(7) as string))
    await expect(write()).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    expect(readdirSync(directory)).toEqual([])
  })
})
