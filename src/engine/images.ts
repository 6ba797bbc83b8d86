import type { Readable } from 'node:stream'
import { reporting } from '../errors/system.js'
import {
  type DistributionInspect,
  type FromHostOptions,
  type ImageProgress,
  type ImageStore,
  type ImageSummary,
  type ImportOptions,
  inspectDistribution,
  type ListImagesOptions,
  type LoadOptions,
  type PrunedImages,
  type PruneImagesOptions,
  type PushedImage,
  type RemovedItem,
  type RemoveImageOptions,
  type SavedArchive,
  type SaveOptions,
  type SaveTarget,
  throttled,
} from '../image/index.js'
import { parseReference } from '../reference/reference.js'
import type { Registries, RegistryAuth, RequestOptions, SearchOptions, SearchResult } from '../registry/types.js'
import { Image, type ImagesContext } from './image.js'
import { type ImportSource, openImportSource } from './import-source.js'
import { Operation } from './operation.js'
import { type PushListOptions, type PushOptions, pushImages, pushManifestList } from './push.js'
import { saveImages, saveStream } from './save.js'

/** Options of a request to a registry. */
export interface RegistryRequestOptions extends RequestOptions {
  /** Instead of what `login()` has stored for the registry. */
  readonly auth?: RegistryAuth
}

/** Options of {@link Images.search}. */
export interface SearchImagesOptions extends SearchOptions, RegistryRequestOptions {}

/** The images of a root. */
export class Images {
  readonly #context: ImagesContext
  readonly #store: ImageStore
  readonly #closing: AbortSignal

  /** @internal */
  constructor(context: ImagesContext) {
    this.#context = context
    this.#store = context.store
    this.#closing = context.closing
  }

  /**
   * Loads an archive of images: what `docker save` writes, or an OCI image layout, as a tar (gzip, zstd, xz or plain) or a
   * directory. Begins when it is awaited, for the images, or iterated, for the progress.
   *
   * @param source a path, or the bytes of a tar, such as `process.stdin`. A plain tar is fastest by its path
   * @throws {InvalidOptionError} INVALID_ARCHIVE; {DigestMismatchError}; {LayerError}; {NotFoundError} FILE_NOT_FOUND. Nothing
   *   is left behind then.
   *
   * @example
   * ```ts
   * const [redis] = await engine.images.load('redis.tar')
   * for await (const event of engine.images.load(process.stdin)) if (event.kind === 'bytes') console.log(event.current)
   * ```
   */
  load(
    source: string | Readable | AsyncIterable<Uint8Array>,
    options: LoadOptions = {},
  ): Operation<ImageProgress, Image[]> {
    const body = async (report: (progress: ImageProgress) => void, signal: AbortSignal) => {
      const loaded = await this.#store.load(source, { ...options, signal, onProgress: throttled(report) })
      return loaded.map(({ id }) => this.#image(id))
    }
    return new Operation(
      (report, signal) => reporting('cannot load the images', () => body(report, signal)),
      [this.#closing, options.signal],
    )
  }

  /**
   * Writes images to an archive, as `docker save` does: by tag with that name, by repository with all of its tags, by ID or
   * digest without a name. Layers that several images have are in it once, as they are stored. The same images always give
   * the same bytes. Begins when it is awaited or iterated.
   *
   * @param target the path of a file, which appears when it is whole; or a stream, written at its pace and then ended
   * @throws {NotFoundError} IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND; {InvalidOptionError} INVALID_OPTION; {SyscallError}
   *
   * @example
   * ```ts
   * await engine.images.save(['redis:7', 'debian'], 'images.tar')
   * await engine.images.save('redis:7', process.stdout)
   * ```
   */
  save(
    names: string | readonly string[],
    target: SaveTarget,
    options: SaveOptions = {},
  ): Operation<ImageProgress, SavedArchive> {
    return saveImages(this.#context, () => [names].flat(), target, options)
  }

  /**
   * The archive that {@link save} writes, to be read. Destroying it ends the work.
   *
   * @example
   * ```ts
   * await pipeline(engine.images.saveStream('redis:7'), createGzip(), createWriteStream('redis.tar.gz'))
   * ```
   */
  saveStream(names: string | readonly string[], options: SaveOptions = {}): Readable {
    return saveStream(this.#context, [names].flat(), options)
  }

  /**
   * Pushes a name to its registry, as `docker push` does, or with `allTags` all tags of a repository; see
   * {@link Image.push}.
   *
   * @throws {NotFoundError} IMAGE_NOT_FOUND; {InvalidOptionError} INVALID_REFERENCE; {RegistryError}; {AuthError}
   *
   * @example
   * ```ts
   * for (const { reference, digest } of await engine.images.push('localhost:5000/app', { allTags: true }))
   *   console.log(reference, digest)
   * ```
   */
  push(name: string, options: PushOptions = {}): Operation<ImageProgress, readonly PushedImage[]> {
    return pushImages(this.#context, name, options)
  }

  /**
   * Pushes images for several platforms under one name: each by its digest, then a manifest list (of images in Docker's
   * format) or an OCI index of them.
   *
   * @param name the list's name
   * @param images names or IDs of images that are here, one for each platform
   * @returns the digest of the list
   * @throws {InvalidOptionError} INVALID_OPTION for two images of one platform; as {@link push}
   *
   * @example
   * ```ts
   * await engine.images.pushManifestList('localhost:5000/app:1', ['app:amd64', 'app:arm64'])
   * ```
   */
  pushManifestList(
    name: string,
    images: readonly string[],
    options: PushListOptions = {},
  ): Operation<ImageProgress, PushedImage> {
    return pushManifestList(this.#context, name, images, options)
  }

  /**
   * Makes an image of one layer from a tar (gzip, zstd, xz or plain) of a root filesystem, as `docker import` does. Begins when it
   * is awaited, for the image, or iterated, for the bytes that were read.
   *
   * @param source a path, an http or https URL, or the bytes
   * @throws {InvalidOptionError} INVALID_ARCHIVE; {LayerError}; {NotFoundError} FILE_NOT_FOUND; of a URL, {RegistryError}
   * @example
   * ```ts
   * await engine.images.import('https://example.com/rootfs.tar.gz', { reference: 'base', changes: ['CMD ["sh"]'] })
   * ```
   */
  import(source: ImportSource, options: ImportOptions = {}): Operation<ImageProgress, Image> {
    const body = async (report: (progress: ImageProgress) => void, signal: AbortSignal) => {
      const { source: bytes, ...origin } = openImportSource(source, { ...options, signal })
      const onProgress = throttled(report)
      return this.#image((await this.#store.import(bytes, { ...options, ...origin, signal, onProgress })).id)
    }
    return new Operation(
      (report, signal) => reporting('cannot import the image', () => body(report, signal)),
      [this.#closing, options.signal],
    )
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

  /**
   * The images, newest first, as `docker images` lists them: intermediate ones are left out.
   *
   * @throws {NotFoundError} IMAGE_NOT_FOUND for an image that `before` or `since` names; {InvalidOptionError} INVALID_OPTION
   *   for a pattern or time that is none
   *
   * @example
   * ```ts
   * const old = await engine.images.list({ filters: { reference: 'me/*', label: 'stage=ci', until: '24h' } })
   * ```
   */
  async list(options: ListImagesOptions = {}): Promise<readonly ImageSummary[]> {
    this.#closing.throwIfAborted()
    return this.#store.list(options)
  }

  /**
   * An image that is here.
   *
   * @param nameOrId a reference, or an image ID or a unique prefix of one
   * @throws {NotFoundError} IMAGE_NOT_FOUND; {ConflictError} AMBIGUOUS_ID; {InvalidOptionError} INVALID_REFERENCE
   *
   * @example
   * ```ts
   * const image = await engine.images.get('redis:7')
   * ```
   */
  async get(nameOrId: string): Promise<Image> {
    this.#closing.throwIfAborted()
    return this.#image(this.#store.get(nameOrId).id)
  }

  /**
   * Removes a name, and with the last one the image: Docker's `rmi`. An ID stands for the image with its only name, or
   * forced with all of them; see {@link Image.remove}. While containers use the image, or others were committed from it, a
   * name goes alone, and its last one only by force where there are containers.
   *
   * @param nameOrId a reference, or an image ID or a unique prefix of one
   * @returns what was done, in order: names that were taken from it, IDs of images and layers that were deleted
   * @throws {ConflictError} IMAGE_IN_USE, IMAGE_HAS_CHILDREN, AMBIGUOUS_ID; {NotFoundError} IMAGE_NOT_FOUND;
   *   {InvalidOptionError} INVALID_REFERENCE
   *
   * @example
   * ```ts
   * await engine.images.remove('redis:7')   // [{ untagged: 'redis:7' }, { deleted: 'sha256:...' }, ...]
   * ```
   */
  async remove(nameOrId: string, options: RemoveImageOptions = {}): Promise<readonly RemovedItem[]> {
    this.#closing.throwIfAborted()
    return reporting(`cannot remove image ${nameOrId}`, async () => {
      await this.#context.settleUsers(this.#store.get(nameOrId).id)
      return this.#store.remove(nameOrId, options)
    })
  }

  /**
   * Removes images that nothing uses: those without a name, or with `all` also those with names that no container is of.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a time that is none
   *
   * @example
   * ```ts
   * const { spaceReclaimed } = await engine.images.prune({ all: true, until: '240h' })
   * ```
   */
  async prune(options: PruneImagesOptions = {}): Promise<PrunedImages> {
    this.#closing.throwIfAborted()
    return reporting('cannot prune the images', () => this.#store.prune(options))
  }

  /**
   * Looks for repositories, as `docker search` does: on Docker Hub, or with a term such as `reg.local:5000/redis` in
   * another registry.
   *
   * @throws {RegistryError}; {AuthError}
   *
   * @example
   * ```ts
   * const [first] = await engine.images.search('redis', { official: true, limit: 5 })
   * ```
   */
  async search(term: string, { auth, ...options }: SearchImagesOptions = {}): Promise<readonly SearchResult[]> {
    const registries = await this.#registries()
    return reporting(`cannot search for ${term}`, () => registries.search(term, options, auth))
  }

  /**
   * The repositories of a registry that tells them.
   *
   * @param registry its host, such as `localhost:5000`
   * @throws {RegistryError}; {AuthError}
   *
   * @example
   * ```ts
   * await engine.images.catalog('localhost:5000')   // ['me/app', 'redis']
   * ```
   */
  async catalog(registry: string, { auth, ...options }: RegistryRequestOptions = {}): Promise<readonly string[]> {
    const registries = await this.#registries()
    return reporting(`cannot list the repositories of ${registry}`, () => registries.catalog(registry, options, auth))
  }

  /**
   * The tags that a repository has in its registry.
   *
   * @param repository such as `redis` or `localhost:5000/me/app`; a tag in it says nothing
   * @throws {RegistryError} MANIFEST_NOT_FOUND; {AuthError}; {InvalidOptionError} INVALID_REFERENCE
   *
   * @example
   * ```ts
   * const tags = await engine.images.tags('localhost:5000/me/app')
   * ```
   */
  async tags(repository: string, { auth, ...options }: RegistryRequestOptions = {}): Promise<readonly string[]> {
    const reference = parseReference(repository)
    const registries = await this.#registries()
    return reporting(`cannot list the tags of ${repository}`, () =>
      registries.repository(reference, auth).tags(options),
    )
  }

  /**
   * What a registry has under a name: the digest and size of its manifest or index, and the platforms that there are. Nothing is
   * pulled but small documents.
   *
   * @throws {RegistryError} MANIFEST_NOT_FOUND and others; {AuthError}; {InvalidOptionError} INVALID_REFERENCE
   *
   * @example
   * ```ts
   * const { Descriptor, Platforms } = await engine.images.distribution('debian:12')
   * ```
   */
  async distribution(name: string, { auth, signal }: RegistryRequestOptions = {}): Promise<DistributionInspect> {
    const reference = parseReference(name)
    const registries = await this.#registries()
    return reporting(`cannot inspect ${name} in its registry`, () =>
      inspectDistribution(registries.repository(reference, auth), reference, signal),
    )
  }

  async #registries(): Promise<Registries> {
    this.#closing.throwIfAborted()
    return this.#context.openRegistries()
  }

  #image(id: string): Image {
    return new Image(this.#context, id)
  }
}
