import { closeSync } from 'node:fs'
import { RunBuilder } from '../container/run-builder.js'
import { CleanupError, InvalidStateError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import type { EngineEvent } from '../events/event.js'
import { native, withFileLock } from '../host/index.js'
import type { ImageProgress } from '../image/index.js'
import type { LoginOptions, RegistryAuth, RequestOptions } from '../registry/types.js'
import type { ApiServer } from '../server/api-server.js'
import type { ServeOptions } from '../server/options.js'
import type { RunOptions } from '../spec/options.js'
import { Autobuild } from './autobuild.js'
import type { AutobuildOptions } from './autobuild-options.js'
import { BuildBuilder } from './build-builder.js'
import type { PruneBuildCacheOptions, PrunedBuildCache } from './build-cache-prune.js'
import type { BuildOutput } from './build-export.js'
import type { BuildInput, BuildOptions, OutputInput } from './build-options.js'
import type { Containers } from './containers.js'
import type { DiskUsage, DiskUsageOptions } from './disk-usage.js'
import type { Diagnosis } from './doctor.js'
import type { EventListener, EventName } from './emitter.js'
import type { EventsOptions } from './events.js'
import type { Image } from './image.js'
import type { Images } from './images.js'
import type { EngineInfo } from './info.js'
import type { Networks } from './networks.js'
import type { OpenRoot } from './opening.js'
import { type Operation, operationsOf } from './operation.js'
import { type EngineOptions, normalizeEngineOptions } from './options.js'
import type { Pruned, PruneOptions } from './prune-system.js'
import type { PullOptions } from './pull.js'
import type { RestoreResult } from './restore.js'
import { Scope } from './scope.js'
import type { Snapshots } from './snapshots.js'
import type { SystemdUnitOptions } from './systemd-unit.js'
import type { EngineVersion } from './version.js'
import type { Volumes } from './volumes.js'

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
  /** Volumes of this root. */
  readonly volumes: Volumes
  /** Snapshots of containers of this root. */
  readonly snapshots: Snapshots
  readonly #root: OpenRoot
  #isClosing = false

  private constructor(root: OpenRoot) {
    this.#root = root
    this.images = root.images
    this.containers = root.containers
    this.networks = root.networks
    this.volumes = root.volumes
    this.snapshots = root.snapshots
  }

  /**
   * Opens a root, making it when it is missing, and brings its records up to what has happened meanwhile.
   *
   * @throws {UnsupportedHostError} when the host lacks something; `details.hint` is the command that mends it
   * @throws {InvalidOptionError} for an option that cannot be
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    const normalized = normalizeEngineOptions(options, process.env)
    return reporting(`cannot open ${normalized.root}`, async () => {
      const { openRoot } = await import('./opening.js')
      return new Engine(await openRoot(normalized))
    })
  }

  /**
   * Tells whether this host can run containers, and what mends it where it cannot: kernel, cgroups, namespaces, overlay, nftables,
   * capabilities, disk and limits. Opens no root, and leaves nothing; never rejects for what it finds.
   *
   * @param options which root it is about: where it is, or would be
   *
   * @example
   * ```ts
   * const { ok, checks } = await Engine.doctor()
   * for (const { name, status, finding, remedy } of checks) if (status !== 'ok') console.error(name, finding, remedy)
   * ```
   */
  static async doctor(options: Pick<EngineOptions, 'root' | 'runRoot'> = {}): Promise<Diagnosis> {
    const normalized = normalizeEngineOptions(options, process.env)
    const { diagnose } = await import('./doctor.js')
    return diagnose(normalized)
  }

  /** Where its images and containers are. */
  get root(): string {
    return this.#root.stages.paths.root
  }

  /** Where the records of what runs are. */
  get runRoot(): string {
    return this.#root.stages.paths.runRoot
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
    return new RunBuilder(this.#root.actions, { image, command, options: rest, signal })
  }

  /**
   * Things that are disposed of together, the newest first. All that it makes is ephemeral besides: it goes with this process, however
   * that ends, and with the engine.
   *
   * @example
   * ```ts
   * await using scope = engine.scope()
   * const net = await scope.network()
   * const db = await scope.run('postgres:16').network(net.name).env({ POSTGRES_PASSWORD: 'secret' })
   * ```
   */
  scope(): Scope {
    this.#root.closing.signal.throwIfAborted()
    return new Scope(this.#root)
  }

  /**
   * Builds an image, as `docker build` does. Nothing happens before it is awaited, or iterated for what happens on the way.
   *
   * @param context a directory, the URL of a git repository or of an archive, or the bytes of an archive or a Dockerfile; may be
   *   left out with a Dockerfile that is given as text
   * @param options the same as the builder's methods
   * @throws {BuildError} with the Dockerfile's line and instruction; {ContextError}; {InvalidOptionError}; {RegistryError}
   *
   * @example
   * ```ts
   * const image = await engine.build('./app').tag('me/app:1')
   * for await (const event of engine.build('./app')) if (event.kind === 'step') console.log(event.step.name, event.status)
   * ```
   */
  build(
    context: BuildInput | undefined,
    options: BuildOptions & { readonly output: OutputInput },
  ): BuildBuilder<BuildOutput>
  build(
    context: BuildInput | undefined,
    options: BuildOptions & { readonly platform: readonly string[] },
  ): BuildBuilder<readonly Image[]>
  build(
    context?: BuildInput,
    options?: BuildOptions & { readonly platform?: string; readonly output?: undefined },
  ): BuildBuilder
  build(
    context: BuildInput | undefined,
    options: BuildOptions,
  ): BuildBuilder<BuildOutput> | BuildBuilder<readonly Image[]> | BuildBuilder
  // biome-ignore lint/suspicious/noExplicitAny: whichever of them the options ask for.
  build(context?: BuildInput, options: BuildOptions = {}): BuildBuilder<any> {
    return new BuildBuilder(this.#root.builds, { context, options })
  }

  /**
   * Watches a branch of a git repository, and builds, and with `push` pushes, each new commit of it: automated builds. Begins at once.
   *
   * @throws {InvalidOptionError} INVALID_OPTION, INVALID_REFERENCE. What fails later is an event, `failed`, and is tried again.
   *
   * @example
   * ```ts
   * await using builds = engine.autobuild({ git: 'https://github.com/me/app.git', branch: 'main', image: 'me/app', push: true })
   * for await (const event of builds) if (event.kind === 'pushed') console.log(event.commit, event.digest)
   * ```
   */
  autobuild(options: AutobuildOptions): Autobuild {
    this.#root.closing.signal.throwIfAborted()
    return new Autobuild(this, options, this.#root.closing.signal)
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
    return this.#root.pull(reference, options)
  }

  /**
   * Verifies credentials with a registry (default: Docker Hub) and stores them where Docker does.
   *
   * @throws {AuthError} UNAUTHORIZED; CREDENTIALS_FAILED when they cannot be stored
   */
  async login(options: LoginOptions): Promise<void> {
    this.#root.closing.signal.throwIfAborted()
    const registries = await this.#root.registries.open()
    await reporting('cannot log in', () => registries.login(options))
  }

  /**
   * Asks a registry (default: Docker Hub) whether credentials are right, and stores nothing: for who keeps them himself.
   *
   * @returns what to give as `auth` from then on: the credentials, or an identity token in place of the password where the
   *   registry gives one
   * @throws {AuthError} UNAUTHORIZED, ACCESS_DENIED; {RegistryError} when the registry cannot say
   *
   * @example
   * ```ts
   * const auth = await engine.verifyLogin({ registry: 'reg.local:5000', username: 'ada', password })
   * await engine.pull('reg.local:5000/app', { auth })
   * ```
   */
  async verifyLogin(options: LoginOptions): Promise<RegistryAuth> {
    this.#root.closing.signal.throwIfAborted()
    const registries = await this.#root.registries.open()
    return reporting('cannot verify the credentials', () => registries.verify(options))
  }

  /** Forgets the stored credentials of a registry (default: Docker Hub). */
  async logout(registry?: string, options: RequestOptions = {}): Promise<void> {
    this.#root.closing.signal.throwIfAborted()
    const registries = await this.#root.registries.open()
    await reporting('cannot log out', () => registries.logout(registry, options))
  }

  /**
   * What images, containers, volumes and the build cache take on the disk, as `docker system df` tells it: layers that several images have count
   * once. Looks at the files of containers and volumes, so it takes the longer the more there are.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a type that is none
   *
   * @example
   * ```ts
   * const { layersSize, containers } = await engine.diskUsage()
   * const writable = containers.reduce((sum, { sizeRw }) => sum + sizeRw, 0)
   * ```
   */
  async diskUsage(options: DiskUsageOptions = {}): Promise<DiskUsage> {
    this.#root.closing.signal.throwIfAborted()
    return reporting('cannot tell the disk usage', async () => {
      const { diskUsage } = await import('./disk-usage.js')
      return diskUsage(this.#root.stages, this, options)
    })
  }

  /**
   * What has happened since a moment, then what happens, in order: containers, images, networks and volumes of this root,
   * whoever did it, in whichever process. Begins with this call, or with `since`; ends at `until`, if there is one, or by `signal`.
   * The journal of a root keeps about 64 MiB.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a moment or filter that is none
   * @see https://docs.docker.com/reference/cli/docker/system/events/
   *
   * @example
   * ```ts
   * for await (const { action, actor } of engine.events({ since: '10m', filters: { type: 'container', event: 'die' } }))
   *   console.log(actor.attributes.name, action, actor.attributes.exitCode)
   * ```
   */
  events(options: EventsOptions = {}): AsyncGenerator<EngineEvent, void, void> {
    this.#root.closing.signal.throwIfAborted()
    return this.#root.events(options)
  }

  /**
   * Calls a listener with each event of a name from now on: `container.die`, `container.health_status`, all of a type
   * (`network`), or everything (`event`). This keeps the process alive no longer, and ends when the engine is closed.
   *
   * @example
   * ```ts
   * engine.on('container.die', ({ actor }) => console.log(actor.attributes.name, actor.attributes.exitCode))
   * ```
   */
  on<Name extends EventName>(name: Name, listener: EventListener<Name>): this {
    this.#root.emitter.on(name, listener)
    return this
  }

  /** The same, for the next event of the name only. */
  once<Name extends EventName>(name: Name, listener: EventListener<Name>): this {
    this.#root.emitter.once(name, listener)
    return this
  }

  /** Takes a listener away that {@link on} or {@link once} was called with. */
  off<Name extends EventName>(name: Name, listener: EventListener<Name>): this {
    this.#root.emitter.off(name, listener)
    return this
  }

  /**
   * Removes what is not used, as `docker system prune` does: containers that do not run, networks without containers, images
   * without names, what no image has of the build cache; with `volumes` anonymous volumes, with `all` every image that no
   * container is of, and the whole build cache.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a filter that is none
   *
   * @example
   * ```ts
   * const { spaceReclaimed } = await engine.prune({ all: true, filters: { until: '240h' } })
   * ```
   */
  async prune(options: PruneOptions = {}): Promise<Pruned> {
    this.#root.closing.signal.throwIfAborted()
    options.signal?.throwIfAborted()
    const { pruneSystem } = await import('./prune-system.js')
    return reporting('cannot prune', () => pruneSystem(this, options))
  }

  /**
   * Removes what builds have left for those that come after them, as `docker builder prune` does: steps that no image has a
   * layer of, and directories of cache mounts. What a build under way has stays.
   *
   * @param options `keepStorage`: so many bytes, or `10GB`, of what was used last stay; `all`: also what images have
   * @throws {InvalidOptionError} INVALID_OPTION for a size or filter that is none
   *
   * @example
   * ```ts
   * const { spaceReclaimed } = await engine.pruneBuildCache({ all: true, keepStorage: '10GB', filters: { until: '48h' } })
   * ```
   */
  async pruneBuildCache(options: PruneBuildCacheOptions = {}): Promise<PrunedBuildCache> {
    this.#root.closing.signal.throwIfAborted()
    options.signal?.throwIfAborted()
    const { pruneBuildCache } = await import('./build-cache-prune.js')
    return reporting('cannot prune the build cache', () => pruneBuildCache(this.#root.stages, options))
  }

  /**
   * `docker info`: Docker's document, about this root and its host.
   *
   * @example
   * ```ts
   * const { ContainersRunning, CgroupVersion, Warnings } = await engine.info()
   * ```
   */
  async info(): Promise<EngineInfo> {
    this.#root.closing.signal.throwIfAborted()
    const { engineInfo } = await import('./info.js')
    return reporting('cannot tell of the host', async () =>
      engineInfo(this.#root, await this.containers.list({ all: true })),
    )
  }

  /**
   * `docker version`: this package's, and whose API it follows.
   *
   * @example
   * ```ts
   * const { Version, ApiVersion } = await engine.version()
   * ```
   */
  async version(): Promise<EngineVersion> {
    this.#root.closing.signal.throwIfAborted()
    const { engineVersion } = await import('./version.js')
    return engineVersion()
  }

  /**
   * Starts what should run by its restart policy and does not, what others depend on first, several at once: for when the machine
   * has come up. As Docker's daemon does when it starts: `always` in any case, `unless-stopped` unless somebody has stopped it,
   * `on-failure` after a failure, of which the machine's end is one; only what has run before. Calling it again, or in several
   * processes at once, does no harm.
   *
   * @example
   * ```ts
   * const { started, failed } = await engine.restore()
   * for (const { container, error } of failed) console.error(container.name, error)
   * ```
   */
  async restore({ signal }: { signal?: AbortSignal } = {}): Promise<RestoreResult> {
    signal?.throwIfAborted()
    this.#root.closing.signal.throwIfAborted()
    const { restore } = await import('./restore.js')
    return reporting('cannot restore the containers', () => restore(this.#root.context, signal))
  }

  /**
   * The text of a systemd unit that calls {@link restore} for this root when the machine comes up, with this Node and this
   * installation of inboard.
   *
   * @example
   * ```ts
   * await writeFile('/etc/systemd/system/inboard.service', await engine.systemdUnit())
   * ```
   */
  async systemdUnit(options: SystemdUnitOptions = {}): Promise<string> {
    const { systemdUnit } = await import('./systemd-unit.js')
    return systemdUnit(this, options)
  }

  /**
   * Serves Docker's Engine API for this root: `docker`, docker-compose, dockerode and testcontainers work with it unchanged.
   * Ends with `close()` of the server or of this engine; containers go on.
   *
   * Whoever may open the socket is root on this machine: its mode and group say who that is.
   *
   * @throws {InvalidOptionError} INVALID_OPTION; {ConflictError} ADDRESS_IN_USE when somebody serves there
   * @see https://docs.docker.com/reference/api/engine/
   *
   * @example
   * ```ts
   * await using server = await engine.serve({ socket: '/run/inboard/docker.sock', group: 'docker' })
   * // DOCKER_HOST=unix:///run/inboard/docker.sock docker ps
   * ```
   */
  async serve(options: ServeOptions = {}): Promise<ApiServer> {
    this.#root.closing.signal.throwIfAborted()
    const { serve } = await import('../server/api-server.js')
    return reporting('cannot serve the API', () => serve(this, options, this.#root.closing.signal, withFileLock))
  }

  /**
   * Lets go of the root. What is ephemeral is removed; what is being pulled or pushed is stopped. Other containers that run go on
   * running. It waits for the teardowns of ended ones, and until the images that were loaded or pulled are on the disk.
   *
   * @throws {CleanupError} CLEANUP_FAILED for what could not be removed: all else is done then
   */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const { stages, scopes } = this.#root
    const hasOwn = stages.owner.hasBegun || scopes.size > 0
    const failures = hasOwn ? await (await import('./ephemeral-close.js')).removeOwn(this.#root) : []
    await this.#close()
    if (failures.length > 0) throw cannotRemove(failures)
  }

  async #close(): Promise<void> {
    const lives = [...this.#root.context.live.values()]
    this.#root.closing.abort(
      new InvalidStateError('the engine is closed', { code: 'ENGINE_CLOSED', details: { root: this.root } }),
    )
    // Builds end their containers by these connections.
    await operationsOf(this.#root.closing.signal)
    await Promise.all(
      lives.map((live) => (this.#root.context.finishing.has(live.id) ? live.gone() : live.session.close())),
    )
    await Promise.all(this.#root.context.unfinished.values())
    await this.#root.feeders?.close()
    await this.#root.stages.volumes.close()
    await this.#root.stages.images.settled()
    await this.#root.registries.close()
    try {
      await this.#root.stages.owner.leave()
      await this.#leave()
    } finally {
      this.#root.stages.networking.host.close()
      // Whatever failed: who opens the root waits for this.
      closeSync(this.#root.inUse)
      this.#root.stages.outbox.close()
      this.#root.database.close()
    }
  }

  /** The last engine of the root takes what no container uses with it. */
  async #leave(): Promise<void> {
    native().flock(this.#root.inUse, 'unlock', false)
    if (!native().flock(this.#root.inUse, 'exclusive', false)) return
    this.#root.stages.cgroups.remove()
    await this.#root.stages.networking.leave()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function cannotRemove(errors: readonly unknown[]): CleanupError {
  const why = errors.map((error) => (error instanceof Error ? error.message : String(error))).join('; ')
  return new CleanupError(`what is ephemeral could not all be removed: ${why}: whoever opens the root tries again`, {
    code: 'CLEANUP_FAILED',
    details: { errors },
  })
}
