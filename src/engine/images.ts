import type { Readable } from 'node:stream'
import { reporting } from '../errors/system.js'
import type {
  FromHostOptions,
  ImageRecord,
  ImageStore,
  ImportOptions,
  ListImagesOptions,
  LoadOptions,
  RemovedItem,
} from '../image/index.js'

/**
 * An image: a handle on what the store knows under its ID.
 *
 * @example
 * ```ts
 * const [redis] = await engine.images.load('redis.tar')
 * console.log(redis?.id, redis?.references)
 * ```
 */
export class Image {
  /** Docker's image ID: the digest of its configuration. */
  readonly id: string
  readonly #store: ImageStore
  readonly #closing: AbortSignal

  /** @internal */
  constructor(store: ImageStore, closing: AbortSignal, id: string) {
    this.id = id
    this.#store = store
    this.#closing = closing
  }

  /** The names it has now, as Docker shows them: `redis:7`. */
  get references(): readonly string[] {
    return this.inspect().references
  }

  /** Its configuration, layers and history. @throws {NotFoundError} IMAGE_NOT_FOUND when it was removed */
  inspect(): ImageRecord {
    this.#closing.throwIfAborted()
    return this.#store.get(this.id)
  }

  /**
   * Removes it with all its names.
   *
   * @throws {ConflictError} IMAGE_IN_USE while a container is of it
   */
  async remove(options: { force?: boolean } = {}): Promise<readonly RemovedItem[]> {
    this.#closing.throwIfAborted()
    return reporting(`cannot remove image ${this.id}`, () => this.#store.remove(this.id, options))
  }
}

/** The images of a root. */
export class Images {
  readonly #store: ImageStore
  readonly #closing: AbortSignal

  /** @internal */
  constructor(store: ImageStore, closing: AbortSignal) {
    this.#store = store
    this.#closing = closing
  }

  /**
   * Loads an archive of images: what `docker save` writes, or an OCI image layout, as a tar (gzip, zstd or plain) or a
   * directory.
   *
   * @param source a path, or the bytes of a tar
   * @throws {InvalidOptionError} INVALID_ARCHIVE; {DigestMismatchError}; {LayerError}. Nothing is left behind then.
   */
  async load(source: string | Readable | AsyncIterable<Uint8Array>, options: LoadOptions = {}): Promise<Image[]> {
    this.#closing.throwIfAborted()
    const loaded = await reporting('cannot load the images', () => this.#store.load(source, options))
    return loaded.map(({ id }) => this.#image(id))
  }

  /** Makes an image of one layer from a tar of a root filesystem, as `docker import` does. */
  async import(source: string | Readable | AsyncIterable<Uint8Array>, options: ImportOptions = {}): Promise<Image> {
    this.#closing.throwIfAborted()
    return this.#image((await reporting('cannot import the image', () => this.#store.import(source, options))).id)
  }

  /**
   * Makes an image of the host's own programs, with the shared libraries, loader and interpreter that they need.
   *
   * @example
   * ```ts
   * await engine.images.fromHost({ executables: ['redis-server', '/bin/sh'], reference: 'redis' })
   * ```
   * @throws {NotFoundError} FILE_NOT_FOUND for a program that the host lacks
   */
  async fromHost(options: FromHostOptions): Promise<Image> {
    this.#closing.throwIfAborted()
    return this.#image((await reporting('cannot make the image', () => this.#store.fromHost(options))).id)
  }

  /** Newest first. */
  async list(options: ListImagesOptions = {}): Promise<ImageRecord[]> {
    this.#closing.throwIfAborted()
    return [...this.#store.list(options)]
  }

  /** An image by reference, ID, or unique prefix of an ID. @throws {NotFoundError} IMAGE_NOT_FOUND */
  async get(nameOrId: string): Promise<Image> {
    this.#closing.throwIfAborted()
    return this.#image(this.#store.get(nameOrId).id)
  }

  /** Removes a name, and with the last one the image. Docker's `rmi`. */
  async remove(nameOrId: string, options: { force?: boolean } = {}): Promise<readonly RemovedItem[]> {
    this.#closing.throwIfAborted()
    return reporting(`cannot remove image ${nameOrId}`, () => this.#store.remove(nameOrId, options))
  }

  #image(id: string): Image {
    return new Image(this.#store, this.#closing, id)
  }
}
