import { setMaxListeners } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from '../container/context.js'
import { RunBuilder } from '../container/run-builder.js'
import { InvalidStateError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { native, probeHost } from '../host/index.js'
import { type ImageProgress, openImages } from '../image/index.js'
import { rootAddressPools } from '../network/address-pools.js'
import type { LoginOptions, RequestOptions } from '../registry/types.js'
import { openSnapshots } from '../snapshot/index.js'
import type { RunOptions } from '../spec/options.js'
import { openContainers } from '../store/containers.js'
import { type Database, openDatabase } from '../store/database.js'
import { containerSpec, type Stages } from './assemble.js'
import { openCgroupParents } from './cgroup-parents.js'
import { containerFiles } from './container-files.js'
import { Containers } from './containers.js'
import { type DiskUsage, diskUsage } from './disk-usage.js'
import { gatherHostFacts } from './host-facts.js'
import { Image, type ImagesContext } from './image.js'
import { settleUsers } from './image-users.js'
import { Images } from './images.js'
import { launchContainer, launchExec } from './launcher.js'
import { hasLeft, tearDown } from './leftovers.js'
import { containerNetworking } from './networking.js'
import { Networks } from './networks.js'
import { openNetworking } from './open-networking.js'
import { Operation, operationsOf } from './operation.js'
import { type EngineOptions, type NormalizedEngineOptions, normalizeEngineOptions } from './options.js'
import { preparePaths } from './paths.js'
import { type PullOptions, pullImages } from './pull.js'
import { reconcile } from './reconcile.js'
import { type LazyRegistries, lazyRegistries } from './registries.js'
import { retireEndpoints } from './retire-endpoints.js'
import { type RunStages, runActions } from './run-actions.js'
import { beginRun, endRun, releaseRun, renameContainer } from './runs.js'

/**
 * A container engine: an open root directory with its images and containers. Any number of engines, in any number of
 * processes, may have the same root open.
 *
 * @example
 * ```ts
 * await using engine = await Engine.open()
 * await engine.images.fromHost({ executables: ['/bin/sh', 'echo'], reference: 'tools' })
 * const { stdout } = await engine.run('tools', ['echo', 'hi']).rm().output()
 * ```
 */
export class Engine implements AsyncDisposable {
  /** Images of this root. */
  readonly images: Images
  /** Containers of this root. */
  readonly containers: Containers
  /** Networks of this root. */
  readonly networks: Networks
  readonly #stages: RunStages
  readonly #context: ContainerContext
  readonly #database: Database
  readonly #registries: LazyRegistries
  readonly #closing: AbortController
  readonly #inUse: number

  private constructor(
    stages: Stages,
    context: ContainerContext,
    database: Database,
    registries: LazyRegistries,
    closing: AbortController,
    inUse: number,
  ) {
    this.#registries = registries
    this.#stages = { ...stages, pull: (image, options) => this.pull(image, options) }
    this.#context = context
    this.#database = database
    this.#closing = closing
    this.#inUse = inUse
    this.images = new Images(imagesContext(stages, context, registries))
    this.containers = new Containers(context)
    this.networks = new Networks({ stages, containers: context })
  }

  /**
   * Opens a root, making it when it is missing, and brings its records up to what has happened meanwhile.
   *
   * @throws {UnsupportedHostError} when the host lacks something; `details.hint` is the command that mends it
   * @throws {InvalidOptionError} for an option that cannot be
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    const normalized = normalizeEngineOptions(options, process.env)
    return reporting(`cannot open ${normalized.root}`, () => Engine.#open(normalized))
  }

  static async #open(options: NormalizedEngineOptions): Promise<Engine> {
    const { root, runRoot, storageDriver } = options
    probeHost()
    const paths = preparePaths(root, runRoot)
    const inUse = openSync(`${paths.runRoot}/engines`, 'a', 0o600)
    let database: Database | undefined
    try {
      // The last engine of the root may be closing: in this process, waiting in the kernel would keep it from that.
      while (!native().flock(inUse, 'shared', false)) await delay(2)
      database = openDatabase(paths.database)
      const snapshots = await openSnapshots(`${paths.root}/snapshots`, storageDriver ? { driver: storageDriver } : {})
      const { layerLimits, maxConcurrentDownloads, maxConcurrentUploads } = options
      const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      const images = openImages({
        root: paths.root,
        database,
        snapshots,
        bootId,
        layerLimits,
        maxConcurrentDownloads,
        maxConcurrentUploads,
      })
      const stages: Stages = {
        paths,
        images,
        snapshots,
        cgroups: openCgroupParents(paths.rootId),
        host: gatherHostFacts(),
        networking: openNetworking(paths, database, options.addressPools ?? rootAddressPools(paths.rootId)),
      }
      const closing = new AbortController()
      // As many may wait as there are containers.
      setMaxListeners(0, closing.signal)
      const registries = lazyRegistries(options.registries)
      const context = containerContext(stages, database, registries, bootId, closing.signal)
      await images.recover()
      await images.sweep()
      await reconcile(stages, context)
      return new Engine(stages, context, database, registries, closing, inUse)
    } catch (error) {
      database?.close()
      closeSync(inUse)
      throw error
    }
  }

  /** Where its images and containers are. */
  get root(): string {
    return this.#stages.paths.root
  }

  /** Where the records of what runs are. */
  get runRoot(): string {
    return this.#stages.paths.runRoot
  }

  /**
   * A container to be made: a builder with `docker run`'s options as methods.
   *
   * @param image a reference, or an image ID or a unique prefix of one
   * @param command replaces the image's
   * @param options options to begin with
   *
   * @example
   * ```ts
   * const redis = await engine.run('redis:7').name('myredis')
   * ```
   */
  run(image: string, command?: readonly string[], options: RunOptions & { signal?: AbortSignal } = {}): RunBuilder {
    const { signal, ...rest } = options
    return new RunBuilder(runActions(this.#stages, this.#context), { image, command, options: rest, signal })
  }

  /**
   * Pulls an image as `docker pull` does: by tag (default: `latest`), by digest, or with `allTags` all tags of a
   * repository. Begins when it is awaited, for the image, or iterated, for the progress. Layers that are here are not
   * fetched, and of several pulls of one layer, in whatever processes, one fetches it.
   *
   * @throws {RegistryError} MANIFEST_NOT_FOUND, REGISTRY_UNAVAILABLE and others; {AuthError} UNAUTHORIZED, ACCESS_DENIED;
   *   {NotFoundError} PLATFORM_NOT_FOUND; {DigestMismatchError}; {LayerError}. Nothing is left behind then.
   *
   * @example
   * ```ts
   * const redis = await engine.pull('redis:7')
   * for await (const event of engine.pull('debian')) if (event.kind === 'layer') console.log(event.layer, event.status)
   * ```
   */
  pull(reference: string, options: PullOptions & { readonly allTags: true }): Operation<ImageProgress, Image[]>
  pull(reference: string, options?: PullOptions & { readonly allTags?: false }): Operation<ImageProgress, Image>
  pull(reference: string, options: PullOptions = {}): Operation<ImageProgress, Image | Image[]> {
    const stages = { images: this.#stages.images, openRegistries: this.#registries.open }
    const body = async (report: (progress: ImageProgress) => void, signal: AbortSignal) => {
      const ids = await pullImages(stages, reference, options, report, signal)
      const images = await Promise.all(ids.map((id) => this.images.get(id)))
      return options.allTags ? images : (images[0] as Image)
    }
    return new Operation<ImageProgress, Image | Image[]>(
      (report, signal) => reporting(`cannot pull ${reference}`, () => body(report, signal)),
      [this.#closing.signal, options.signal],
    )
  }

  /**
   * Verifies credentials with a registry (default: Docker Hub) and stores them where Docker does.
   *
   * @throws {AuthError} UNAUTHORIZED; CREDENTIALS_FAILED when they cannot be stored
   */
  async login(options: LoginOptions): Promise<void> {
    this.#closing.signal.throwIfAborted()
    const registries = await this.#registries.open()
    await reporting('cannot log in', () => registries.login(options))
  }

  /** Forgets the stored credentials of a registry (default: Docker Hub). */
  async logout(registry?: string, options: RequestOptions = {}): Promise<void> {
    this.#closing.signal.throwIfAborted()
    const registries = await this.#registries.open()
    await reporting('cannot log out', () => registries.logout(registry, options))
  }

  /**
   * What images and containers take on the disk, as `docker system df` tells it: layers that several images have count
   * once. Looks at the containers' files, so it takes the longer the more there are.
   *
   * @example
   * ```ts
   * const { layersSize, containers } = await engine.diskUsage()
   * const writable = containers.reduce((sum, { sizeRw }) => sum + sizeRw, 0)
   * ```
   */
  async diskUsage({ signal }: { signal?: AbortSignal } = {}): Promise<DiskUsage> {
    this.#closing.signal.throwIfAborted()
    return reporting('cannot tell the disk usage', () => diskUsage(this.#stages, this.containers, signal))
  }

  /**
   * Lets go of the root. What is being pulled or pushed is stopped. Containers that run go on running. It waits for the
   * teardowns of ended ones, and until the images that were loaded or pulled are on the disk.
   */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    const lives = [...this.#context.live.values()]
    this.#closing.abort(
      new InvalidStateError('the engine is closed', { code: 'ENGINE_CLOSED', details: { root: this.root } }),
    )
    await Promise.all(lives.map((live) => (this.#context.finishing.has(live.id) ? live.gone() : live.session.close())))
    await operationsOf(this.#closing.signal)
    await this.#stages.images.settled()
    await this.#registries.close()
    try {
      await this.#leave()
    } finally {
      this.#stages.networking.host.close()
      // Whatever failed: who opens the root waits for this.
      closeSync(this.#inUse)
      this.#database.close()
    }
  }

  /** The last engine of the root takes what no container uses with it. */
  async #leave(): Promise<void> {
    native().flock(this.#inUse, 'unlock', false)
    if (!native().flock(this.#inUse, 'exclusive', false)) return
    this.#stages.cgroups.remove()
    await this.#stages.networking.leave()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function imagesContext(stages: Stages, context: ContainerContext, registries: LazyRegistries): ImagesContext {
  return {
    store: stages.images,
    closing: context.closing,
    openRegistries: registries.open,
    settleUsers: (imageId) => settleUsers(context, imageId),
  }
}

function containerContext(
  stages: Stages,
  database: Database,
  registries: LazyRegistries,
  bootId: string,
  closing: AbortSignal,
): ContainerContext {
  const context: ContainerContext = {
    containers: openContainers(database),
    root: stages.paths.root,
    runRoot: stages.paths.runRoot,
    bootId,
    live: new Map(),
    finishing: new Set(),
    closing,
    begin: (id) => beginRun(stages.networking, context, id),
    retireEndpoints: ({ id, attempt }) => retireEndpoints(stages.networking, { container: id, attempt }),
    end: (record, outcome) => endRun(stages.networking, context, record, outcome),
    releaseNetwork: (id) => releaseRun(stages.networking, context, id),
    rename: (id, name) => renameContainer(stages.networking, context, id, name),
    launch: (record, lock, streams) => launchContainer(stages, context, record, lock, streams),
    launchExec: (record, pid, pidfd, request) => launchExec(stages, context, record, pid, pidfd, request),
    hasLeft: (id, files) => hasLeft(stages, id, files),
    teardown: (id, files) => tearDown(stages, id, files),
    inspectImage(record) {
      const image = stages.images.resolve(record.image)
      return { config: image.config, spec: containerSpec(stages, record, image), driver: stages.snapshots.name }
    },
    networking: (id) => containerNetworking(stages.networking, context.containers, id),
    files: (record) => containerFiles(stages, record),
    freezer: (id) => stages.cgroups.freezer(id),
    async commitImage(request) {
      const { id } = await stages.images.commit(request)
      return new Image(imagesContext(stages, context, registries), id)
    },
  }
  return context
}
