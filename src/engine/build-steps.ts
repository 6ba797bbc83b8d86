import type { CacheDirectory, CacheDirectoryRequest, OnBuildEvent, StepOutcome, StepRequest } from '../build/index.js'
import { filesystemOf } from '../build/index.js'
import type { ContainerContext } from '../container/context.js'
import { failpoint } from '../errors/failpoint.js'
import { NotFoundError } from '../errors/index.js'
import type { FoundStep, RecordedStep } from '../image/index.js'
import { cacheDirectories } from './build-cache.js'
import type { BuildDirectory } from './build-directory.js'
import { BuildWorkspace, type WorkspaceLimits } from './build-workspace.js'
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
  /** An image that the build is built from: it stays, whoever removes it. @throws {NotFoundError} `IMAGE_NOT_FOUND` */
  use(image: string): void
}

export interface BuildStepsOptions {
  readonly options: WorkspaceLimits
  readonly report: OnBuildEvent
  readonly signal: AbortSignal
}

export async function openBuildSteps(
  { stages, context }: { readonly stages: RunStages; readonly context: ContainerContext },
  { id: build }: Pick<BuildDirectory, 'id'>,
  { options: limits }: BuildStepsOptions,
): Promise<BuildSteps> {
  const { steps } = stages.images
  const directories = cacheDirectories(stages)
  /** Workspaces that are being removed. */
  const leaving = new Set<Promise<void>>()

  const leave = (workspace: BuildWorkspace) => {
    const gone = workspace[Symbol.asyncDispose]().finally(() => leaving.delete(gone))
    gone.catch(() => {})
    leaving.add(gone)
    return gone
  }

  const make = async (request: StepRequest): Promise<RecordedStep> => {
    const { parent, platform, kind, keys, description, epoch, signal } = request
    const image = await steps.hidden(build, parent.layers, platform, signal)
    const workspace = new BuildWorkspace(stages, context, { image, build, limits, signal })
    try {
      failpoint('build.execute')
      await request.execute(workspace)
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
      await leave(workspace)
      throw error
    }
  }

  const step = async (request: StepRequest): Promise<FoundStep> => {
    const { keys, isUncached, signal } = request
    signal.throwIfAborted()
    const work = { make: () => make(request), signal }
    return isUncached ? { ...(await work.make()), isFound: false } : steps.once(build, keys, work)
  }

  return {
    find(key) {
      const found = steps.find(build, [key])
      return found && outcomeOf(found)
    },
    step: async (request) => outcomeOf(await step(request)),
    cacheDirectory: (request) => directories.take(request),
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
