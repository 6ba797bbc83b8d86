import {
  type CacheDirectory,
  type CacheDirectoryRequest,
  type Filesystem,
  filesystemOf,
  type OnBuildEvent,
  type StepOutcome,
  type StepRequest,
  type Workspace,
} from '../build/index.js'
import type { ContainerContext } from '../container/context.js'
import { failpoint } from '../errors/failpoint.js'
import { NotFoundError } from '../errors/index.js'
import type { FoundStep, ImageLayer, RecordedStep } from '../image/index.js'
import { cacheDirectories } from './build-cache.js'
import { openCachesElsewhere, type SolvedFiles } from './build-caches-elsewhere.js'
import type { BuildCredentials } from './build-credentials.js'
import type { BuildDirectory } from './build-directory.js'
import type { BuildOptions, CacheToInput } from './build-options.js'
import { hostPlatformName } from './build-platforms.js'
import { BuildWorkspace, type WorkspaceLimits } from './build-workspace.js'
import type { ImagesContext } from './image.js'
import type { RunStages } from './run-actions.js'

/**
 * What a build has of the records of steps. What it finds, or makes, stays until it is disposed of.
 *
 * The key of a step's files is the chain id of its layers, as an image's is: a step that was done anew, and came to something
 * else, is something else for all that follow, also in other stages.
 */
export interface BuildSteps extends AsyncDisposable {
  find(key: string): StepOutcome | undefined
  step(request: StepRequest): Promise<StepOutcome>
  cacheDirectory(request: CacheDirectoryRequest): Promise<CacheDirectory>
  /** Has files brought here that only a cache has so far. @throws {DigestMismatchError}; {RegistryError} */
  fetch(filesystem: Filesystem, platform: string, signal: AbortSignal): Promise<void>
  /** What the configuration of an image says of the steps of its making. */
  inlineCache(solution: SolvedFiles, epoch: number | undefined): object | undefined
  /** Writes the caches that others are to find. @throws {RegistryError}; {AuthError}; {SyscallError} */
  exportCaches(targets: readonly CacheToInput[], solutions: readonly SolvedFiles[], signal: AbortSignal): Promise<void>
  /** An image that the build is built from: it stays, whoever removes it. @throws {NotFoundError} `IMAGE_NOT_FOUND` */
  use(image: string): void
}

export interface BuildStepsContexts {
  readonly stages: RunStages
  readonly context: ContainerContext
  readonly images: Pick<ImagesContext, 'openRegistries'>
}

export interface BuildStepsOptions {
  readonly options: WorkspaceLimits & Pick<BuildOptions, 'cacheFrom' | 'platform'>
  readonly credentials: BuildCredentials
  readonly report: OnBuildEvent
  readonly signal: AbortSignal
}

export async function openBuildSteps(
  { stages, context, images }: BuildStepsContexts,
  { id: build }: Pick<BuildDirectory, 'id'>,
  { options, credentials, report, signal: stop }: BuildStepsOptions,
): Promise<BuildSteps> {
  const { cacheFrom: sources = [], platform: platforms = hostPlatformName(), ...limits } = options
  const { steps } = stages.images
  const caches = await openCachesElsewhere({
    build,
    steps,
    sources,
    platforms: [platforms].flat(),
    registries: () => images.openRegistries(),
    credentials,
    report,
    signal: stop,
  })
  const directories = cacheDirectories(stages)
  /** Workspaces that are being removed. */
  const leaving = new Set<Promise<void>>()

  const leave = (workspace: BuildWorkspace) => {
    const gone = workspace[Symbol.asyncDispose]().finally(() => leaving.delete(gone))
    gone.catch(() => {})
    leaving.add(gone)
    return gone
  }

  const find = (keys: readonly string[]): FoundStep | undefined => steps.find(build, keys) ?? caches.find(keys)

  const make = async (request: StepRequest): Promise<RecordedStep> => {
    const { parent, platform, kind, keys, description, epoch, signal } = request
    await caches.fetch(parent.layers, platform, signal)
    const image = await steps.hidden(build, parent.layers, platform, signal)
    const workspace = new BuildWorkspace(stages, context, { image, build, limits, signal })
    try {
      failpoint('build.execute')
      await request.execute(lent(workspace, (layers) => caches.fetch(layers, platform, signal)))
      const step = await steps.making(async (content) => {
        const layer = await workspace.pack({ epoch, signal, content })
        signal.throwIfAborted()
        failpoint('build.packed')
        return steps.record(build, { keys, kind, description, platform, below: parent.layers, layer })
      }, signal)
      failpoint('build.recorded')
      // The next step need not wait for it.
      void leave(workspace)
      return step
    } catch (error) {
      // What of it cannot be removed now is found by the next build.
      await leave(workspace).catch(() => {})
      throw error
    }
  }

  const step = async (request: StepRequest): Promise<FoundStep> => {
    const { keys, isUncached, signal } = request
    signal.throwIfAborted()
    const work = { make: () => make(request), signal }
    if (isUncached) return { ...(await work.make()), isFound: false }
    return find(keys) ?? (await steps.once(build, keys, work))
  }

  return {
    find(key) {
      const found = find([key])
      return found && outcomeOf(found)
    },
    step: async (request) => outcomeOf(await step(request)),
    cacheDirectory: (request) => directories.take(request),
    fetch: ({ layers }, platform, signal) => caches.fetch(layers, platform, signal),
    inlineCache: caches.inlineCache,
    exportCaches: caches.export,
    use(image) {
      if (steps.keep(build, image)) return
      throw new NotFoundError(`No such image: ${image}`, { code: 'IMAGE_NOT_FOUND', details: { image } })
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(leaving)
      await steps.release(build)
    },
  }
}

function outcomeOf({ layers, createdAtMs, isFound }: FoundStep): StepOutcome {
  return { filesystem: filesystemOf(layers), createdAtMs, isCached: isFound }
}

/** What a program has mounted of other filesystems may be elsewhere. */
function lent(workspace: BuildWorkspace, fetch: (layers: readonly ImageLayer[]) => Promise<void>): Workspace {
  return {
    files: (body) => workspace.files(body),
    async run(request) {
      for (const mount of request.mounts) if (mount.kind === 'filesystem') await fetch(mount.filesystem.layers)
      return workspace.run(request)
    },
  }
}
