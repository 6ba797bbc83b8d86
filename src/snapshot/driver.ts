import type { Change, LayerFormat, PackChangesOptions, PackChangesResult, PackOptions } from '../layer/index.js'
import type { ImageDirectory, ImagePlace } from './image-directory.js'
import type { ImageFiles } from './image-files.js'
import type { ReadOnlyRoot, Rootfs } from './rootfs.js'

export type DriverName = 'overlay' | 'vfs'

/** A layer's directory that nobody sees yet. Either `commit` or `discard` ends it. */
export interface PreparedLayer {
  /** Where to extract to; exists. */
  readonly path: string
  readonly format: LayerFormat
  /** Publishes the layer by a rename. Another process that was faster is success, and this copy goes. */
  commit(): Promise<void>
  /** Removes it; harmless after `commit`. */
  discard(): Promise<void>
}

export interface AdoptOptions {
  /** The tar of the same changes, for where the files cannot be taken as they are. */
  readonly tar: string
  readonly signal?: AbortSignal | undefined
}

/**
 * Keeps the extracted layers of images, by chain id, and says what a container's root filesystem is made of. It never
 * mounts. Layers live as follows: `prepareLayer`, extract into its path, `commit`; `prepareInit` once per image before
 * the first `rootfs`; `remove` or `sweep` in the end. Any number of processes may use one directory at once.
 *
 * A chain is a list of chain ids, top first, as the overlay filesystem has its lower directories.
 */
export interface SnapshotDriver {
  readonly name: DriverName
  readonly directory: string

  /** Whether the layer is committed. */
  has(chainId: string): boolean

  /**
   * A directory to extract a layer into. With `vfs` it already holds a copy of `parent`, the chain id of the layer below.
   *
   * @throws NotFoundError CONTENT_NOT_FOUND when `parent` is not committed
   */
  prepareLayer(chainId: string, parent?: string, options?: { signal?: AbortSignal | undefined }): Promise<PreparedLayer>

  /** Makes what containers of this image need beside the image itself, once; later calls cost nothing. */
  prepareInit(chain: readonly string[]): Promise<void>

  /** Makes a container's own files where the driver copies (vfs); nothing for overlay. Idempotent. */
  prepareContainer(
    chain: readonly string[],
    containerDirectory: string,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<void>

  /** What to mount as a container's root. Pure: `prepareInit` has been called, and for vfs `prepareContainer`. */
  rootfs(chain: readonly string[], containerDirectory: string, options?: { volatile?: boolean }): Rootfs

  /** What to mount where a container sees the image's files, without what is put between those and a container's own. */
  imageRoot(chain: readonly string[]): ReadOnlyRoot

  /**
   * A text file of the image, or of the container when its directory is given, as its processes would see it: symlinks
   * stay inside the root. Undefined when there is none, or it is no regular file. Cached for images.
   *
   * @throws LayerError LAYER_TOO_LARGE beyond `maxBytes`, 16 MiB by default
   */
  readFile(
    chain: readonly string[],
    containerDirectory: string | undefined,
    path: string,
    maxBytes?: number,
  ): string | undefined

  /** An image's files, to be looked up as a container would see them. To be disposed of. */
  files(chain: readonly string[]): ImageFiles

  /**
   * What an image has at an absolute path, for a copy of it. Undefined when there is nothing. Cached.
   *
   * @throws NotFoundError CONTENT_NOT_FOUND when a layer is not committed
   */
  placeAt(chain: readonly string[], path: string): ImagePlace | undefined

  /** The same where only a directory counts. */
  directoryAt(chain: readonly string[], path: string): ImageDirectory | undefined

  /** The directories that hold an image's files, or a container's, top first: for lookups of one's own. */
  layers(chain: readonly string[], containerDirectory?: string): string[]

  /**
   * What a container's files differ in from its image's, the places of mounts that every container has left out: in the
   * order of a walk, names sorted. The container may run, and be hostile.
   */
  changes(chain: readonly string[], containerDirectory: string, options?: PackOptions): Promise<Change[]>

  /**
   * Packs the same as a layer, an uncompressed tar at `file`, which does not exist yet.
   *
   * @throws LayerError LAYER_INVALID for a name that a layer cannot have
   */
  packChanges(
    chain: readonly string[],
    containerDirectory: string,
    file: string,
    options?: PackChangesOptions,
  ): Promise<PackChangesResult>

  /**
   * Makes a layer of what a container has changed, whose files nobody uses any more, and which has none of its own
   * afterwards. They were packed, and settled with that. Another process that was faster is success.
   *
   * @param parent the chain id of the layer below
   * @throws {LayerError}; {NotFoundError} CONTENT_NOT_FOUND when `parent` is not committed
   */
  adopt(chainId: string, parent: string | undefined, containerDirectory: string, options: AdoptOptions): Promise<void>

  /** All files of a container as a tar, made while it is read; without what is mounted there. */
  packRoot(
    chain: readonly string[],
    containerDirectory: string,
    options?: PackOptions,
  ): AsyncGenerator<Buffer, void, undefined>

  /** Removes a layer. A missing one is success. The caller knows that no container and no image needs it. */
  remove(chainId: string): Promise<void>

  /**
   * Removes what dead processes have left aside; whole layers stay.
   */
  sweepAbandoned(): Promise<void>

  /**
   * Keeps {@link sweep} away, in all processes, until disposed of: to be held from the first `has` of a load to the
   * moment when the image is recorded, so that its layers do not pass for garbage in between.
   */
  hold(): Disposable

  /**
   * Removes all layers that are not in `keep`, and what dead processes have left. `keep` is asked when nobody can add
   * layers any more. Does nothing while somebody holds.
   *
   * @returns whether it swept
   */
  sweep(keep: () => ReadonlySet<string>): Promise<boolean>
}
