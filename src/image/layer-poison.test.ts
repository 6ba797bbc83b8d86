import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  configDocument,
  dockerArchive,
  type Entries,
  Layout,
  named,
  sha256,
  stream,
  tar,
} from '../../test/support/archives.js'
import { openStore, type TestStore, testStore } from '../../test/support/image-store.js'

let store: TestStore
beforeEach(async () => {
  store = await testStore()
})
afterEach(() => store[Symbol.dispose]())

const load = async (entries: Entries) => store.images.load(stream(await tar(entries)))
const mismatch = expect.objectContaining({ name: 'DigestMismatchError', code: 'DIGEST_MISMATCH' })

/** An image that says of other bytes that they are a layer that is here already. */
async function forged(layer: Buffer, other: Buffer, compress: (bytes: Buffer) => Buffer) {
  const layout = new Layout()
  const config = layout.blob('application/vnd.oci.image.config.v1+json', configDocument({ layers: [layer] }))
  const blob = layout.blob('application/vnd.oci.image.layer.v1.tar+gzip', compress(other))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = layout.blob(mediaType, { schemaVersion: 2, mediaType, config, layers: [blob] })
  return layout.index(named(manifest, 'forged:1'))
}

it.each([true, false])(
  'bytes that are not the layer they are said to be are refused, though its files are here (blob here: %s)',
  async (isHere) => {
    const layer = await tar({ 'bin/sh': 'good' })
    const other = await tar({ 'bin/sh': 'evil' })
    await load(new Layout().index()).catch(() => {})
    const good = new Layout()
    await load(good.index(named(good.image({ layers: [layer], config: { Labels: { a: 'b' } } }), 'good:1')))
    if (isHere) {
      const bait = new Layout()
      await load(bait.index(named(bait.image({ layers: [other] }), 'bait:1')))
    }
    await expect(load(await forged(layer, other, gzipSync))).rejects.toEqual(mismatch)
    expect(store.images.list({ filters: { reference: 'forged' } })).toEqual([])
  },
)

it('a bomb that is said to be a layer that is here is not inflated beyond the bounds of layers', async () => {
  const layer = await tar({ 'bin/sh': 'good' })
  const good = new Layout()
  await load(good.index(named(good.image({ layers: [layer], config: { Labels: { a: 'b' } } }), 'good:1')))
  const { images, database } = await openStore(store.root, undefined, 'this boot', {
    maxRatio: 2,
    ratioFloorBytes: 4096,
  })
  try {
    const bomb = stream(await tar(await forged(layer, Buffer.alloc(1024 ** 2), gzipSync)))
    await expect(images.load(bomb)).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
  } finally {
    await images.settled()
    database.close()
  }
})

it('the same with an archive of Docker', async () => {
  const layer = await tar({ 'bin/sh': 'good' })
  const good = new Layout()
  await load(good.index(named(good.image({ layers: [layer], config: { Labels: { a: 'b' } } }), 'good:1')))
  const files: Record<string, Entries[string]> = dockerArchive({ layers: [layer] }, ['forged:1'])
  files['layer0/layer.tar'] = await tar({ 'bin/sh': 'evil' })
  await expect(load(files)).rejects.toEqual(mismatch)
})

it('the same layer in other bytes is taken', async () => {
  const layer = await tar({ 'bin/sh': 'good' })
  const good = new Layout()
  await load(good.index(named(good.image({ layers: [layer], config: { Labels: { a: 'b' } } }), 'good:1')))
  await load(await forged(layer, layer, (bytes) => gzipSync(bytes, { level: 1 })))
  expect(store.images.get('forged:1').layers.map(({ diffId }) => diffId)).toEqual([sha256(layer)])
})
