import { setMaxListeners } from 'node:events'
import {
  type BuildSettings,
  type NamedContexts,
  type OnBuildEvent,
  planStages,
  type Solution,
  solve,
  stepsOf,
} from '../build/index.js'
import type { ContainerContext } from '../container/context.js'
import { type CheckResult, type Dockerfile, GlobalScope, parseDockerfile, platformValues } from '../dockerfile/index.js'
import type { ImageProgress } from '../image/index.js'
import type { BuildRunResult } from './build-actions.js'
import { buildArgsOf } from './build-arguments.js'
import { checkFile, reportFindings } from './build-check.js'
import { openBuildDirectory } from './build-directory.js'
import type { BuiltStage } from './build-document.js'
import { exportBuild, forgetId } from './build-export.js'
import { BuildFiles } from './build-files.js'
import { type OpenBuildHost, openBuildHost } from './build-host.js'
import type { BuildOptions, BuildRequest } from './build-options.js'
import { hostPlatformName, platformName } from './build-platforms.js'
import { epochOf, settingsOf } from './build-settings.js'
import type { ImagesContext } from './image.js'
import type { Operation } from './operation.js'
import type { PullOptions } from './pull.js'
import type { RunStages } from './run-actions.js'

const defaultParallelism = 4

/** Base images are pulled. */
export interface BuildStages extends RunStages {
  pull(image: string, options: PullOptions): Operation<ImageProgress, unknown>
}

/** What a build works with. */
export interface BuildContexts {
  readonly stages: BuildStages
  readonly context: ContainerContext
  readonly images: ImagesContext
}

/** Does a build, from its request to its result. */
export async function runBuild(
  contexts: BuildContexts,
  request: BuildRequest,
  report: OnBuildEvent,
  signal: AbortSignal,
): Promise<BuildRunResult> {
  const { options } = request
  const epoch = epochOf(options)
  const platforms = [...new Set([options.platform ?? hostPlatformName()].flat().map(platformName))]
  await forgetId(options)
  await using directory = await openBuildDirectory(contexts.stages, contexts.context, signal)
  await using files = openFiles(contexts, request, directory.unpacked, signal, report)
  const { file, text } = await files.dockerfile()
  const dockerfile = parseDockerfile(text, { file })
  await reportFindings(dockerfile, { files, options, stages: contexts.stages }, report)
  const settings = await settingsOf(options, files, epoch, signal)
  await using host = await openBuildHost(contexts, directory, { options, report, signal })
  const stop = new AbortController()
  const stopped = AbortSignal.any([stop.signal, signal])
  // Every step listens, and every batch of files that is read.
  setMaxListeners(0, signal, stopped)
  const solutions = await Promise.allSettled(
    platforms.map((platform) =>
      solvePlatform(dockerfile, { options, platform, platforms, settings, host, epoch, report, signal: stopped }).catch(
        (error) => {
          stop.abort(error)
          throw error
        },
      ),
    ),
  )
  signal.throwIfAborted()
  if (stop.signal.aborted) throw stop.signal.reason
  const solved = solutions.map((solution) => (solution as PromiseFulfilledResult<Solution>).value)
  for (const { filesystem, platform } of solved) await host.steps.fetch(filesystem, platform, signal)
  const { cacheTo = [] } = options
  const isInline = cacheTo.some(({ type }) => type === 'inline')
  const built = solved.map((solution) => (isInline ? withInlineCache(solution, host, epoch) : solution))
  const result = await exportBuild(contexts, { solved: built, options, epoch, report, signal })
  await host.steps.exportCaches(cacheTo, solved, signal)
  return result
}

function withInlineCache(solution: Solution, { steps }: OpenBuildHost, epoch: number | undefined): BuiltStage {
  return { ...solution, inlineCache: steps.inlineCache(solution, epoch) }
}

interface PlatformBuild {
  readonly options: BuildOptions
  readonly platform: string
  readonly platforms: readonly string[]
  readonly settings: BuildSettings
  readonly host: OpenBuildHost
  readonly epoch: number | undefined
  readonly report: OnBuildEvent
  readonly signal: AbortSignal
}

async function solvePlatform(dockerfile: Dockerfile, build: PlatformBuild): Promise<Solution> {
  const { options, platform, platforms, settings, host, report, signal } = build
  const { target } = options
  const shown = platforms.length > 1 ? platform : undefined
  const predefined = platformValues({ target: platform, build: host.platform, ...(target && { stage: target }) })
  const global = new GlobalScope(dockerfile, { buildArgs: buildArgsOf(options, build.epoch), predefined })
  const plan = planStages(dockerfile, global, { target, platform, contexts: contextsOf(options) })
  report({
    kind: 'plan',
    args: dockerfile.metaArgs.map(({ original }) => original),
    steps: stepsOf(plan, shown),
    ...(shown !== undefined && { platform: shown }),
  })
  const filter = new Set((options.noCacheFilter ?? []).map((name) => name.toLowerCase()))
  return solve({
    dockerfile,
    global,
    plan,
    host,
    settings,
    isUncached: ({ stage, label }) => options.noCache === true || filter.has(stage.name ?? label),
    isFresh: options.pull === true,
    parallelism: options.parallelism ?? defaultParallelism,
    platform: shown,
    signal,
    onEvent: report,
  })
}

/** Docker's build checks of a request's Dockerfile; nothing is built. */
export async function runCheck(
  contexts: BuildContexts,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<CheckResult> {
  await using directory = await openBuildDirectory(contexts.stages, contexts.context, signal)
  await using files = openFiles(contexts, request, directory.unpacked, signal, () => undefined)
  return await checkFile({ files, options: request.options, stages: contexts.stages })
}

function openFiles(
  { stages }: BuildContexts,
  request: BuildRequest,
  temporaryDirectory: string,
  signal: AbortSignal,
  report: OnBuildEvent,
): BuildFiles {
  const cacheDirectory = `${stages.paths.root}/build/contexts`
  const onOpened = (name: string) => report({ kind: 'context', name, status: 'opened' })
  return new BuildFiles(request, { cacheDirectory, temporaryDirectory }, signal, onOpened)
}

const imageScheme = 'docker-image://'

function contextsOf({ buildContext = {} }: BuildOptions): NamedContexts {
  return new Map(
    Object.entries(buildContext).map(([name, source]) => [
      name,
      source.startsWith(imageScheme) ? source.slice(imageScheme.length) : undefined,
    ]),
  )
}
