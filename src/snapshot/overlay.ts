import { AT_FDCWD, native } from '../host/index.js'
import {
  type Comparison,
  compare,
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
import { initName, layerName } from './layer-name.js'
import type { LayerStore } from './layer-store.js'
import { MergedTree } from './merged-tree.js'
import { missingLayer } from './missing-layer.js'
import type { OverlayRootfs, ReadOnlyOverlay } from './rootfs.js'
import { readLayeredText, TextCache } from './text-cache.js'

/**
 * Layers as lower directories of the kernel's overlay filesystem: a container's root is its own upper directory over the
 * init layer over the image's layers, and costs nothing to make.
 * @see https://docs.kernel.org/filesystems/overlayfs.html
 */
export class OverlaySnapshots implements SnapshotDriver {
  readonly name = 'overlay'
  readonly directory: string
  readonly #store: LayerStore
  readonly #texts = new TextCache()
  readonly #places = new ImageCache<ImagePlace | undefined>()
  readonly #lowerdirs = new Map<string, readonly string[]>()
  readonly #prepared = new Set<string>()

  constructor(store: LayerStore) {
    this.#store = store
    this.directory = store.directory
  }

  has(chainId: string): boolean {
    return this.#store.has(layerName(chainId))
  }

  async prepareLayer(chainId: string): Promise<PreparedLayer> {
    const name = layerName(chainId)
    const { path, publish, discard } = this.#store.makeAside()
    const commit = async () => {
      await publish(name)
    }
    return { path, format: 'overlay', commit, discard }
  }

  async prepareInit(chain: readonly string[]): Promise<void> {
    const name = initName(chain)
    if (this.#prepared.has(name)) return
    if (!this.#store.has(name)) await this.#makeInit(chain, name)
    this.#prepared.add(name)
  }

  async prepareContainer(): Promise<void> {}

  rootfs(chain: readonly string[], containerDirectory: string, { volatile = false } = {}): OverlayRootfs {
    return {
      kind: 'overlay',
      directory: this.directory,
      lowerdirs: this.#lowerdirsOf(chain),
      upper: `${containerDirectory}/upper`,
      work: `${containerDirectory}/work`,
      target: `${containerDirectory}/rootfs`,
      volatile,
    }
  }

  imageRoot(chain: readonly string[]): ReadOnlyOverlay {
    const [, ...lowerdirs] = this.#lowerdirsOf(chain)
    return { kind: 'overlay', directory: this.directory, lowerdirs }
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
      const missing = chain.find((chainId) => !this.has(chainId))
      if (missing !== undefined) throw missingLayer(missing)
      return findImagePlace(this.layers(chain), 'overlay', path)
    })
  }

  directoryAt(chain: readonly string[], path: string) {
    const place = this.placeAt(chain, path)
    return place?.kind === 'directory' ? place : undefined
  }

  layers(chain: readonly string[], containerDirectory?: string): string[] {
    const image = chain.map((chainId) => this.#store.path(layerName(chainId)))
    if (containerDirectory === undefined) return image
    return [`${containerDirectory}/upper`, this.#store.path(initName(chain)), ...image]
  }

  async changes(chain: readonly string[], containerDirectory: string, options?: PackOptions) {
    return compare(await this.#comparison(chain, containerDirectory), options)
  }

  async packChanges(chain: readonly string[], containerDirectory: string, file: string, options?: PackChangesOptions) {
    return packChanges(await this.#comparison(chain, containerDirectory), file, options)
  }

  /** Whiteouts and opaque directories are the same in a writable layer as in one below. */
  async adopt(chainId: string, parent: string | undefined, containerDirectory: string, options: AdoptOptions) {
    if (parent !== undefined && !this.has(parent)) throw missingLayer(parent)
    const isTaken = this.#store.adopt(`${containerDirectory}/upper`, layerName(chainId))
    if (!isTaken) await adoptByExtraction(this, chainId, parent, options)
  }

  async *packRoot(chain: readonly string[], containerDirectory: string, options?: PackOptions) {
    await this.prepareInit(chain)
    yield* packTree(this.layers(chain, containerDirectory), options)
  }

  async #comparison(chain: readonly string[], containerDirectory: string): Promise<Comparison> {
    await this.prepareInit(chain)
    const [own = '', ...base] = this.layers(chain, containerDirectory)
    return { own, format: 'overlay', base }
  }

  async remove(chainId: string): Promise<void> {
    const init = initName([chainId])
    this.#prepared.delete(init)
    this.#lowerdirs.delete(init)
    this.#texts.clear()
    this.#places.clear()
    await this.#store.remove(init)
    await this.#store.remove(layerName(chainId))
  }

  sweepAbandoned(): Promise<void> {
    return this.#store.sweepAbandoned()
  }

  hold(): Disposable {
    return this.#store.hold()
  }

  async sweep(keep: () => ReadonlySet<string>): Promise<boolean> {
    this.#prepared.clear()
    return this.#store.sweep(keep)
  }

  /** An image's lower directories are known by its top chain id. */
  #lowerdirsOf(chain: readonly string[]): readonly string[] {
    const init = initName(chain)
    const known = this.#lowerdirs.get(init)
    if (known !== undefined) return known
    const names = chain.map(layerName)
    const opaque = names.findIndex((name) => this.#hasOpaqueRoot(name))
    const lowerdirs = Object.freeze([init, ...(opaque < 0 ? names : names.slice(0, opaque + 1))])
    this.#lowerdirs.set(init, lowerdirs)
    return lowerdirs
  }

  /** The kernel does not look whether the root of a lower directory is opaque: what it hides must not be mounted. */
  #hasOpaqueRoot(name: string): boolean {
    const path = this.#store.path(name)
    return this.#store.has(name) && native().getxattrAt(AT_FDCWD, path, 'trusted.overlay.opaque') !== undefined
  }

  async #makeInit(chain: readonly string[], name: string): Promise<void> {
    const missing = chain.find((chainId) => !this.has(chainId))
    if (missing !== undefined) throw missingLayer(missing)
    const aside = this.#store.makeAside()
    const image = new MergedTree(native(), this.layers(chain))
    try {
      fillInitLayer(native(), image, aside.path)
      await aside.publish(name)
    } finally {
      image.close()
      await aside.discard()
    }
  }
}
