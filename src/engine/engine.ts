import { setMaxListeners } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { RunBuilder } from '../container/run-builder.js'
import { InvalidStateError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { native, probeHost } from '../host/index.js'
import { openImages } from '../image/index.js'
import { openSnapshots } from '../snapshot/index.js'
import type { RunOptions } from '../spec/options.js'
import { openContainers } from '../store/containers.js'
import { type Database, openDatabase } from '../store/database.js'
import { containerSpec, type Stages } from './assemble.js'
import { openCgroupParents } from './cgroup-parents.js'
import { Containers } from './containers.js'
import { gatherHostFacts } from './host-facts.js'
import { Images } from './images.js'
import { launchContainer, launchExec } from './launcher.js'
import { hasLeft, tearDown } from './leftovers.js'
import { type EngineOptions, type NormalizedEngineOptions, normalizeEngineOptions } from './options.js'
import { preparePaths } from './paths.js'
import { reconcile } from './reconcile.js'
import { runActions } from './run-actions.js'

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
  readonly #stages: Stages
  readonly #context: ContainerContext
  readonly #database: Database
  readonly #closing: AbortController
  readonly #inUse: number

  private constructor(
    stages: Stages,
    context: ContainerContext,
    database: Database,
    closing: AbortController,
    inUse: number,
  ) {
    this.#stages = stages
    this.#context = context
    this.#database = database
    this.#closing = closing
    this.#inUse = inUse
    this.images = new Images(stages.images, closing.signal)
    this.containers = new Containers(context)
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

  static async #open({ root, runRoot, storageDriver }: NormalizedEngineOptions): Promise<Engine> {
    probeHost()
    const paths = preparePaths(root, runRoot)
    const inUse = openSync(`${paths.runRoot}/engines`, 'a', 0o600)
    let database: Database | undefined
    try {
      native().flock(inUse, 'shared', true)
      database = openDatabase(paths.database)
      const snapshots = await openSnapshots(`${paths.root}/snapshots`, storageDriver ? { driver: storageDriver } : {})
      const images = openImages({ root: paths.root, database, snapshots })
      const stages: Stages = {
        paths,
        images,
        snapshots,
        cgroups: openCgroupParents(paths.rootId),
        host: gatherHostFacts(),
      }
      const closing = new AbortController()
      // As many may wait as there are containers.
      setMaxListeners(0, closing.signal)
      const context = containerContext(stages, database, closing.signal)
      await images.sweep()
      await reconcile(stages, context)
      return new Engine(stages, context, database, closing, inUse)
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

  /** Lets go of the root. Containers that run go on running; teardowns of ended ones are awaited. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    const lives = [...this.#context.live.values()]
    this.#closing.abort(
      new InvalidStateError('the engine is closed', { code: 'ENGINE_CLOSED', details: { root: this.root } }),
    )
    await Promise.all(lives.map((live) => (this.#context.finishing.has(live.id) ? live.gone() : live.session.close())))
    native().flock(this.#inUse, 'unlock', false)
    if (native().flock(this.#inUse, 'exclusive', false)) this.#stages.cgroups.remove()
    closeSync(this.#inUse)
    this.#database.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function containerContext(stages: Stages, database: Database, closing: AbortSignal): ContainerContext {
  return {
    containers: openContainers(database),
    root: stages.paths.root,
    runRoot: stages.paths.runRoot,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    live: new Map(),
    finishing: new Set(),
    closing,
    launch: (record, lock, streams) => launchContainer(stages, record, lock, streams),
    launchExec: (record, pid, pidfd, request) => launchExec(stages, record, pid, pidfd, request),
    hasLeft: (id, files) => hasLeft(stages, id, files),
    teardown: (id, files) => tearDown(stages, id, files),
    inspectImage(record) {
      const image = stages.images.resolve(record.image)
      return { config: image.config, spec: containerSpec(stages, record, image), driver: stages.snapshots.name }
    },
  }
}
