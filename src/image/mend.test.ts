import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { openStore, type TestStore, testStore } from '../../test/support/image-store.js'
import { busyboxForm } from '../../test/support/images.js'
import { quickest } from '../../test/support/quickest.js'
import { failpoints } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import { openImageRecords } from '../store/images.js'
import { openDisk } from './disk.js'
import type { ImageStore } from './store.js'

let store: TestStore
let lower: Buffer
let upper: Buffer
beforeEach(async () => {
  store = await testStore()
  lower = await tar({ 'etc/': '', 'etc/lower': 'lower' })
  upper = await tar({ 'etc/upper': 'upper' })
})
afterEach(async () => {
  failpoints.clear()
  await store.images.settled()
  store[Symbol.dispose]()
})

const load = async (name: string, layers: readonly Buffer[]) =>
  store.images.load(stream(await tar(dockerArchive({ layers }, [name]))))
const marks = () => openImageRecords(store.database).marks()
const layerOf = (name: string, at = 0) => store.snapshots.layers(store.images.get(name).chain)[at] as string
const blobOf = (name: string, at: number) =>
  join(store.root, 'content/sha256', store.images.get(name).layers[at]?.blob?.slice(7) as string)
const names = (images: ImageStore) => images.list().flatMap(({ repoTags }) => repoTags)

/** All that is recorded was recorded in another boot, and nobody knows whether it is on the disk. */
const powerCut = () => {
  for (const table of ['images', 'snapshots'])
    store.database.prepare(`UPDATE ${table} SET unsynced = 'the boot before/1'`).run()
}

const recover = async () => {
  const images = await store.reopen()
  await images.recover()
  return images
}

describe('what a load has made', () => {
  it('is there before it is on the disk, and marked until then', async () => {
    await load('a', [lower, upper])
    expect(names(store.images)).toEqual(['a:latest'])
    expect(marks()).toHaveLength(1)
    expect(store.remains()).toContain('gc.dirty')
    await store.images.settled()
    expect(marks()).toEqual([])
    expect(store.remains()).not.toContain('gc.dirty')
  })

  it('gets to the disk once for all who come while a sync is under way', async () => {
    let syncs = 0
    failpoints.set('images.sync', () => syncs++)
    store.database.prepare("INSERT INTO snapshots VALUES ('x', NULL, 'x', 0, 'this boot/1')").run()
    const records = openImageRecords(store.database)
    const options = { root: store.root, native: native(), records, bootId: 'this boot' }
    const disk = openDisk({ ...options, onSynced: async () => {} })
    for (let load = 0; load < 5; load++) disk.syncLater()
    await disk.settled()
    expect(marks()).toEqual([])
    expect(syncs).toBe(2)
  })

  it('waits for the next sync when it was made while one was under way', async () => {
    const records = openImageRecords(store.database)
    await load('a', [lower])
    const before = records.marks()
    await store.images.remove('a')
    await load('a', [lower])
    expect(records.marks()).not.toEqual(before)
    records.clearMarks(before)
    expect(records.marks()).toHaveLength(1)
  })

  it('stays marked when the sync fails, which nobody is told, until somebody opens the root', async () => {
    failpoints.set('images.synced', () => {
      throw new Error('EIO')
    })
    await load('a', [lower])
    await store.images.settled()
    expect(marks()).toHaveLength(1)
    failpoints.clear()
    const images = await recover()
    expect(names(images)).toEqual(['a:latest'])
    await images.settled()
    expect(marks()).toEqual([])
    expect(store.remains()).not.toContain('gc.dirty')
  })

  it('is on the disk once something is recorded that cannot be had again', async () => {
    failpoints.set('images.synced', () => {
      throw new Error('EIO')
    })
    await load('a', [lower])
    await store.images.settled()
    failpoints.clear()
    await store.images.import(stream(upper), { reference: 'b' })
    expect(marks()).toEqual([])
  })
})

describe('after a power cut', () => {
  it.each(['overlay', 'vfs'] as const)('an image whose blobs are whole is made once more (%s)', async (driver) => {
    using own = await testStore(driver)
    await own.images.load(stream(await tar(dockerArchive({ layers: [lower, upper] }, ['a']))))
    await own.images.settled()
    const [top] = own.snapshots.layers(own.images.get('a').chain) as [string]
    rmSync(join(top, 'etc/upper'))
    writeFileSync(join(top, 'etc/torn'), '')
    for (const table of ['images', 'snapshots'])
      own.database.prepare(`UPDATE ${table} SET unsynced = 'the boot before/1'`).run()
    const images = await own.reopen()
    await images.recover()
    expect(readFileSync(join(top, 'etc/upper'), 'utf8')).toBe('upper')
    expect(existsSync(join(top, 'etc/torn'))).toBe(false)
    expect(own.database.prepare('SELECT 1 FROM snapshots WHERE unsynced IS NOT NULL').all()).toEqual([])
    expect(own.remains()).not.toContain('gc.dirty')
  })

  it('an image with a torn blob is gone with its names, and others stay', async () => {
    await load('a', [lower])
    await load('b', [lower, upper])
    await store.images.settled()
    truncateSync(blobOf('b', 1), 10)
    powerCut()
    const images = await recover()
    expect(names(images)).toEqual(['a:latest'])
    expect(readFileSync(join(layerOf('a'), 'etc/lower'), 'utf8')).toBe('lower')
    expect(marks()).toEqual([])
    expect(store.remains()).toHaveLength(2)
    await load('b', [lower, upper])
    expect(store.snapshots.readFile(store.images.get('b').chain, undefined, '/etc/upper')).toBe('upper')
  })

  it('an image without its blob, or with a torn manifest, is gone', async () => {
    await load('a', [lower])
    await store.images.load(busyboxForm('ociArchive'))
    await store.images.settled()
    rmSync(blobOf('a', 0))
    const [{ manifest } = { manifest: '' }] = store.database
      .prepare<[], { manifest: string }>('SELECT manifest FROM images WHERE manifest IS NOT NULL')
      .all()
    truncateSync(join(store.root, 'content/sha256', manifest.slice(7)), 0)
    powerCut()
    expect((await recover()).list()).toEqual([])
    expect(store.remains()).toEqual([])
  })

  it('an image that was on the disk keeps what it shares with one that is torn', async () => {
    await load('a', [lower])
    await load('b', [lower, upper])
    await store.images.settled()
    truncateSync(blobOf('b', 1), 10)
    powerCut()
    const { id } = store.images.get('a')
    store.database.prepare('UPDATE images SET unsynced = NULL WHERE id = ?').run(id)
    expect(names(await recover())).toEqual(['a:latest'])
    expect(readFileSync(join(layerOf('a'), 'etc/lower'), 'utf8')).toBe('lower')
  })

  it('what is not marked is not looked at', async () => {
    await load('a', [lower])
    await store.images.settled()
    writeFileSync(join(layerOf('a'), 'etc/own'), '')
    await recover()
    expect(existsSync(join(layerOf('a'), 'etc/own'))).toBe(true)
  })

  it.each(['mend.snapshot', 'mend.discard', 'mend.sync', 'mend.clear', 'layer.commit'])(
    'a mending that is cut short at %s is begun anew',
    async (name) => {
      await load('a', [lower])
      await load('b', [upper])
      await store.images.settled()
      truncateSync(blobOf('b', 0), 10)
      powerCut()
      failpoints.set(name, () => {
        throw new Error('cut short')
      })
      const images = await store.reopen()
      await expect(images.recover()).rejects.toThrow('cut short')
      failpoints.clear()
      expect(names(await recover())).toEqual(['a:latest'])
      expect(readFileSync(join(layerOf('a'), 'etc/lower'), 'utf8')).toBe('lower')
      expect(marks()).toEqual([])
    },
  )

  it('of all who open the root one mends, and the others wait', async () => {
    await load('a', [lower])
    await store.images.settled()
    rmSync(join(layerOf('a'), 'etc/lower'))
    powerCut()
    let mended = 0
    failpoints.set('mend.sync', () => mended++)
    const stores = await Promise.all(
      ['this boot', 'this boot', 'this boot'].map((boot) => openStore(store.root, undefined, boot)),
    )
    await Promise.all(
      stores.map(async ({ images }) => {
        await images.recover()
        expect(marks()).toEqual([])
        expect(readFileSync(join(layerOf('a'), 'etc/lower'), 'utf8')).toBe('lower')
      }),
    )
    for (const { database } of stores) database.close()
    expect(mended).toBe(1)
  })
})

it('looks for marks in microseconds', async () => {
  await load('a', [lower])
  await store.images.settled()
  expect(await quickest(100, () => store.images.recover())).toBeLessThan(1)
})
