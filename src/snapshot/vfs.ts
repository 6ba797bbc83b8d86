import { randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { AT_FDCWD, native, RENAME_NOREPLACE } from '../host/index.js'
import {
  type Comparison,
  compare,
  copyTree,
  type PackChangesOptions,
  type PackOptions,
  packChanges,
  packTree,
} from '../layer/index.js'
import { adoptByExtraction } from './adopt.js'
import type { AdoptOptions, PreparedLayer, SnapshotDriver } from './driver.js'
import { ImageCache } from './image-cache.js'
import { findImagePlace, type ImagePlace } from './image-directory.js'
import { openImageFiles } from './image-files.js'
import { fillInitLayer } from './init-layer.js'
import { layerName } from './layer-name.js'
import type { LayerStore } from './layer-store.js'
import { MergedTree } from './merged-tree.js'
import { missingLayer } from './missing-layer.js'
import type { DirectoryRootfs, ReadOnlyRoot } from './rootfs.js'
import { readLayeredText, TextCache } from './text-cache.js'

interface Options {
  readonly signal?: AbortSignal | undefined
}

/** Each layer a whole copy of the one below, each container a copy of its image: slow and large, but it works anywhere. */
export class VfsSnapshots implements SnapshotDriver {
  readonly name = 'vfs'
  readonly directory: string
  readonly #store: LayerStore
  readonly #texts = new TextCache()
  readonly #places = new ImageCache<ImagePlace | undefined>()

  constructor(store: LayerStore) {
    this.#store = store
    this.directory = store.directory
  }

  has(chainId: string): boolean {
    return this.#store.has(layerName(chainId))
  }

  async prepareLayer(chainId: string, parent?: string, { signal }: Options = {}): Promise<PreparedLayer> {
    const name = layerName(chainId)
    if (parent !== undefined && !this.has(parent)) throw missingLayer(parent)
    const { path, publish, discard } = this.#store.makeAside()
    const commit = async () => {
      await publish(name)
    }
    try {
      if (parent !== undefined) await copyTree(this.#store.path(layerName(parent)), path, { signal })
      return { path, format: 'merged', commit, discard }
    } catch (error) {
      await discard()
      throw error
    }
  }

  async prepareInit(): Promise<void> {}

  async prepareContainer(
    chain: readonly string[],
    containerDirectory: string,
    { signal }: Options = {},
  ): Promise<void> {
    const { path } = this.rootfs(chain, containerDirectory)
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return
    const [top] = chain
    if (top !== undefined && !this.has(top)) throw missingLayer(top)
    const aside = `${containerDirectory}/rootfs-${randomBytes(4).toString('hex')}`
    mkdirSync(aside, { recursive: true })
    native().chmodAt(AT_FDCWD, aside, 0o755)
    try {
      if (top !== undefined) await copyTree(this.#store.path(layerName(top)), aside, { signal })
      fillInit([aside], aside)
      native().renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE)
    } catch (error) {
      await native().removeTree(aside)
      if ((error as { code?: string }).code !== 'EEXIST') throw error
    }
  }

  rootfs(_chain: readonly string[], containerDirectory: string): DirectoryRootfs {
    return { kind: 'directory', path: `${containerDirectory}/rootfs` }
  }

  imageRoot(chain: readonly string[]): ReadOnlyRoot {
    const [path] = this.layers(chain)
    return path === undefined
      ? { kind: 'overlay', directory: this.directory, lowerdirs: [] }
      : { kind: 'directory', path }
  }

  readFile(chain: readonly string[], containerDirectory: string | undefined, path: string, maxBytes?: number) {
    const read = () => readLayeredText(this.layers(chain, containerDirectory), path, maxBytes)
    return containerDirectory === undefined ? this.#texts.get(chain, path, read) : read()
  }

  files(chain: readonly string[]) {
    return openImageFiles(this.layers(chain))
  }

  placeAt(chain: readonly string[], path: string) {
    return this.#places.get(chain, path, () => {
      const missing = chain.slice(0, 1).find((chainId) => !this.has(chainId))
      if (missing !== undefined) throw missingLayer(missing)
      return findImagePlace(this.layers(chain), 'merged', path)
    })
  }

  directoryAt(chain: readonly string[], path: string) {
    const place = this.placeAt(chain, path)
    return place?.kind === 'directory' ? place : undefined
  }

  layers(chain: readonly string[], containerDirectory?: string): string[] {
    if (containerDirectory !== undefined) return [this.rootfs(chain, containerDirectory).path]
    return chain.slice(0, 1).map((chainId) => this.#store.path(layerName(chainId)))
  }

  changes(chain: readonly string[], containerDirectory: string, options?: PackOptions) {
    return this.#comparing(chain, containerDirectory, (comparison) => compare(comparison, options))
  }

  packChanges(chain: readonly string[], containerDirectory: string, file: string, options?: PackChangesOptions) {
    return this.#comparing(chain, containerDirectory, (comparison) => packChanges(comparison, file, options))
  }

  adopt(chainId: string, parent: string | undefined, _containerDirectory: string, options: AdoptOptions) {
    return adoptByExtraction(this, chainId, parent, options)
  }

  async *packRoot(chain: readonly string[], containerDirectory: string, options: PackOptions = {}) {
    await this.prepareContainer(chain, containerDirectory, options)
    yield* packTree(this.layers(chain, containerDirectory), options)
  }

  /** With what was put between the image and the container, made once more: that copy has no times to compare. */
  async #comparing<Result>(
    chain: readonly string[],
    containerDirectory: string,
    use: (comparison: Comparison) => Promise<Result>,
  ): Promise<Result> {
    const init = this.#store.makeAside()
    try {
      const image = this.layers(chain)
      fillInit(image, init.path)
      const { path } = this.rootfs(chain, containerDirectory)
      return await use({ own: path, format: 'merged', base: [init.path, ...image], timeless: 0 })
    } finally {
      await init.discard()
    }
  }

  async remove(chainId: string): Promise<void> {
    this.#texts.clear()
    this.#places.clear()
    await this.#store.remove(layerName(chainId))
  }

  sweepAbandoned(): Promise<void> {
    return this.#store.sweepAbandoned()
  }

  hold(): Disposable {
    return this.#store.hold()
  }

  sweep(keep: () => ReadonlySet<string>): Promise<boolean> {
    return this.#store.sweep(keep)
  }
}

function fillInit(layers: readonly string[], target: string): void {
  const image = new MergedTree(native(), layers)
  try {
    fillInitLayer(native(), image, target)
  } finally {
    image.close()
  }
}
