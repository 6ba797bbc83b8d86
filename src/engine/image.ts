import { reporting } from '../errors/system.js'
import type {
  ImageHistoryEntry,
  ImageInspect,
  ImageProgress,
  ImageStore,
  PushedImage,
  RemovedItem,
  RemoveImageOptions,
  SavedArchive,
  SaveOptions,
  SaveTarget,
} from '../image/index.js'
import type { Registries } from '../registry/types.js'
import type { Operation } from './operation.js'
import { type PushOptions, pushImages } from './push.js'
import { saveImages } from './save.js'

/** What handles on images work with. */
export interface ImagesContext {
  readonly store: ImageStore
  readonly closing: AbortSignal
  openRegistries(): Promise<Registries>
  /** Records the ends of an image's containers that nobody has seen yet: only what runs keeps an image by force. */
  settleUsers(imageId: string): Promise<void>
}

/**
 * An image: a handle on what the store knows under its ID. Any number of handles, in any number of processes, may exist of
 * one image; none has a state of its own.
 *
 * @example
 * ```ts
 * const image = await engine.pull('redis:7')
 * await image.tag('localhost:5000/redis:mine')
 * console.log(image.references, (await image.inspect()).Size)
 * ```
 */
export class Image {
  /** Docker's image ID: the digest of its configuration. */
  readonly id: string
  readonly #context: ImagesContext

  /** @internal */
  constructor(context: ImagesContext, id: string) {
    this.id = id
    this.#context = context
  }

  /** The names it has now, as Docker shows them: `redis:7`. @throws {NotFoundError} IMAGE_NOT_FOUND when it was removed */
  get references(): readonly string[] {
    this.#context.closing.throwIfAborted()
    return this.#context.store.get(this.id).references
  }

  /**
   * Gives it one more name, as `docker tag` does. An image that had the name loses it.
   *
   * @param reference such as `me/app:1`; without a tag it gets `latest`
   * @throws {InvalidOptionError} INVALID_REFERENCE, also for a name with a digest; {NotFoundError} IMAGE_NOT_FOUND
   *
   * @example
   * ```ts
   * await image.tag('localhost:5000/app:1')
   * ```
   */
  async tag(reference: string): Promise<void> {
    await this.#act('tag', (store) => store.tag(this.id, reference))
  }

  /**
   * Pushes it to the registry of one of its names, as `docker push` does. What the registry has already is not sent, and
   * layers go with the bytes they came with. Begins when it is awaited or iterated.
   *
   * @param reference one of its names; may be left out when it has only one
   * @returns for each tag the digest that the registry has it under, which is then among the image's `RepoDigests`
   * @throws {NotFoundError} IMAGE_NOT_FOUND for a name that it has not; {InvalidOptionError} INVALID_OPTION, INVALID_REFERENCE;
   *   {RegistryError}; {AuthError} UNAUTHORIZED, ACCESS_DENIED
   *
   * @example
   * ```ts
   * await image.tag('localhost:5000/app:1')
   * const [{ digest }] = await image.push('localhost:5000/app:1')
   * ```
   */
  push(reference?: string, options: PushOptions = {}): Operation<ImageProgress, readonly PushedImage[]> {
    return pushImages(this.#context, reference, options, this.id)
  }

  /**
   * Saves it with all its names; see {@link Images.save}.
   *
   * @example
   * ```ts
   * await image.save('redis.tar')
   * ```
   */
  save(target: SaveTarget, options: SaveOptions = {}): Operation<ImageProgress, SavedArchive> {
    const names = () => {
      const { references } = this.#context.store.get(this.id)
      return references.length > 0 ? references : [this.id]
    }
    return saveImages(this.#context, names, target, options)
  }

  /**
   * The steps of its making, newest first, as `docker history` shows them.
   *
   * @throws {NotFoundError} IMAGE_NOT_FOUND when it was removed
   *
   * @example
   * ```ts
   * for (const { createdBy, size } of await image.history()) console.log(size, createdBy)
   * ```
   */
  async history(): Promise<readonly ImageHistoryEntry[]> {
    return this.#act('read the history of', (store) => store.history(this.id))
  }

  /**
   * `docker image inspect`: its names, configuration and layers.
   *
   * @throws {NotFoundError} IMAGE_NOT_FOUND when it was removed
   *
   * @example
   * ```ts
   * const { Config, RepoDigests } = await image.inspect()
   * ```
   */
  async inspect(): Promise<ImageInspect> {
    return this.#act('inspect', (store) => store.inspect(this.id))
  }

  /**
   * Removes it with its name; one with several names only by force. Images that it was committed from, and that nothing
   * else needs, go as well. Its layers stay on the disk while other images have them.
   *
   * Forced while stopped containers use it, it is removed, but they can still be started: its layers go after the last of
   * them.
   *
   * @returns what was done, in order: names that were taken from it, IDs of images and layers that were deleted
   * @throws {ConflictError} IMAGE_IN_USE while containers use it, with their ids in `details.containers`, or when it has
   *   several names; IMAGE_HAS_CHILDREN when images were committed from it; {NotFoundError} IMAGE_NOT_FOUND
   *
   * @example
   * ```ts
   * for (const item of await image.remove({ force: true })) console.log(item)
   * ```
   */
  async remove(options: RemoveImageOptions = {}): Promise<readonly RemovedItem[]> {
    this.#context.closing.throwIfAborted()
    await this.#context.settleUsers(this.id)
    return this.#act('remove', (store) => store.remove(this.id, options))
  }

  /** System calls that fail on the way are errors of ours. */
  #act<Result>(verb: string, body: (store: ImageStore) => Result | Promise<Result>): Promise<Result> {
    return reporting(`cannot ${verb} image ${this.id}`, () => {
      this.#context.closing.throwIfAborted()
      return body(this.#context.store)
    })
  }
}
