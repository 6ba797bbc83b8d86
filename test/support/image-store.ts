import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ImageStore, openImages } from '../../src/image/index.js'
import type { TarLimits } from '../../src/layer/index.js'
import { type DriverName, openSnapshots, type SnapshotDriver } from '../../src/snapshot/index.js'
import { type Database, openDatabase } from '../../src/store/database.js'

/** A store of images with a root of its own below /tmp. */
export interface TestStore extends Disposable {
  readonly root: string
  readonly images: ImageStore
  readonly database: Database
  readonly snapshots: SnapshotDriver
  /** Blobs, layers, half-made files and marks on the disk: what a failure must not add to. */
  remains(): string[]
  /** What a file of an image says. */
  fileOf(image: string, path: string): string | undefined
  /** The directory of an image's topmost layer. */
  topLayer(image: string): string
  /** Another store on the same root. */
  reopen(): Promise<ImageStore>
}

export async function openStore(root: string, driver?: DriverName, bootId = 'this boot', layerLimits: TarLimits = {}) {
  const database = openDatabase(join(root, 'db'))
  const snapshots = openSnapshots(join(root, 'snapshots'), driver ? { driver } : {})
  return {
    database,
    snapshots,
    images: openImages({
      root,
      database,
      snapshots,
      bootId,
      layerLimits,
      maxConcurrentDownloads: 3,
      maxConcurrentUploads: 5,
    }),
  }
}

export async function testStore(driver?: DriverName): Promise<TestStore> {
  const root = mkdtempSync('/tmp/ib-images-')
  const databases: Database[] = []
  const open = async () => {
    const store = await openStore(root, driver)
    databases.push(store.database)
    return store
  }
  const own = await open()
  const chainOf = (image: string) => own.images.get(image).chain
  return {
    root,
    ...own,
    remains: () => remainsOf(root),
    fileOf: (image, path) => own.snapshots.readFile(chainOf(image), undefined, path),
    topLayer: (image) => own.snapshots.layers(chainOf(image))[0] as string,
    reopen: async () => (await open()).images,
    [Symbol.dispose]() {
      for (const database of databases) database.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export function remainsOf(root: string): string[] {
  const below = (directory: string) => readdirSync(join(root, directory)).map((name) => `${directory}/${name}`)
  const all = [...below('content/sha256'), ...below('content/ingest'), ...below('snapshots'), ...below('host-images')]
  const marks = readdirSync(root).filter((name) => name === 'gc.dirty')
  return [...all, ...marks].filter((path) => !['snapshots/lock', 'snapshots/driver'].includes(path)).sort()
}
