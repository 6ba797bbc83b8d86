import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { chainIds } from '../layer/index.js'
import type { RecordBuiltRequest } from './built.js'
import type { ImageLayer } from './types.js'

let store: TestStore
let layers: readonly ImageLayer[]
beforeEach(async () => {
  store = await testStore()
  const archive = dockerArchive({ layers: [await tar({ one: '1' }), await tar({ two: '2' })] })
  const [image] = await store.images.load(stream(await tar(archive)))
  layers = store.images.get(image?.id as string).layers
})
afterEach(() => store[Symbol.dispose]())

const record = (changes: Partial<RecordBuiltRequest> = {}) =>
  store.images.recordBuilt({
    layers,
    document: (diffIds) => documentOf(diffIds),
    references: ['me/app:1'],
    ...changes,
  })

const documentOf = (diffIds: readonly string[], config: object = { Cmd: ['x'] }) =>
  Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: diffIds } }),
  )

describe('recording what was built', () => {
  it('makes an image of layers that are here, with all of its names', async () => {
    const { id, references } = await record({ references: ['me/app:1', 'other', 'me/app:1'] })
    expect(references).toEqual(['me/app:1', 'other:latest'])
    const image = store.images.get('me/app:1')
    expect(image).toMatchObject({ id, config: { Cmd: ['x'] }, layers, parent: undefined })
    expect(image.references).toEqual(['other:latest', 'me/app:1'])
    expect(image.taggedAtMs).toBeGreaterThan(0)
    expect(store.fileOf(id, '/two')).toBe('2')
  })

  it('makes one without a name, and one without layers', async () => {
    const { id } = await record({ layers: [], references: [] })
    expect(store.images.get(id)).toMatchObject({ references: [], size: 0, layers: [] })
  })

  it('takes its names from other images', async () => {
    const before = await record()
    const after = await record({ document: (diffIds) => documentOf(diffIds, { Cmd: ['y'] }) })
    expect(store.images.get('me/app:1').id).toBe(after.id)
    expect(store.images.get(before.id).references).toEqual([])
  })

  it('gives the same image its names once more when it was built before', async () => {
    const { id } = await record()
    expect(await record({ references: ['later:1'] })).toEqual({ id, references: ['later:1'] })
    expect(store.images.get(id).references).toEqual(['later:1', 'me/app:1'])
  })

  it('makes the files of a layer again that somebody has removed', async () => {
    const top = layers.at(-1)?.chainId as string
    await store.snapshots.remove(top)
    const { id } = await record()
    expect(store.fileOf(id, '/two')).toBe('2')
  })

  it('refuses a name with a digest, and leaves nothing', async () => {
    const before = store.remains()
    const references = [`me/app@sha256:${'a'.repeat(64)}`]
    await expect(record({ references })).rejects.toMatchObject({ code: 'INVALID_REFERENCE' })
    expect(store.remains()).toEqual(before)
  })

  it('refuses more layers than can be stacked', async () => {
    const [first] = layers as [ImageLayer]
    const diffIds = Array.from({ length: 128 }, () => first.diffId)
    const many = chainIds(diffIds).map((chainId) => ({ ...first, chainId }))
    await expect(record({ layers: many })).rejects.toMatchObject({ code: 'TOO_MANY_LAYERS' })
  })

  it('fails, and records nothing, when a layer is gone for good', async () => {
    const [, top] = layers as [ImageLayer, ImageLayer]
    await store.snapshots.remove(top.chainId)
    rmSync(join(store.root, 'content/sha256', (top.blob as string).slice('sha256:'.length)))
    await expect(record()).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    expect(() => store.images.get('me/app:1')).toThrow(/No such image/)
  })
})
