import { setMaxListeners } from 'node:events'
import {
  type Dockerfile,
  type ExpandedInstruction,
  expandInstruction,
  type GlobalScope,
  type Instruction,
  parseInstructions,
  Scope,
} from '../dockerfile/index.js'
import { defaultPath } from '../spec/environment.js'
import type { ImageRunConfig } from '../spec/options.js'
import { copyAll } from './base-context.js'
import type { BuildContext } from './context/index.js'
import { filesystemOf, scratch } from './filesystem.js'
import type { BaseImage, BuildHost } from './host.js'
import { originOf, type PlannedStage, type StagePlan } from './plan/stages.js'
import type { BuildStep, OnBuildEvent } from './progress.js'
import type { BuildSettings } from './settings.js'
import { Sources } from './sources.js'
import { type StageOrigin, type StageResult, StageState } from './stage-state.js'
import { failedAt } from './step-failure.js'
import { StepNames } from './step-names.js'
import { type SolvedStep, StepRunner } from './step-runner.js'
import { createStep } from './steps/index.js'
import type { FilesystemStep, StepContext, StepSource } from './steps/step.js'
import { timed } from './timed.js'

export interface SolveRequest {
  readonly dockerfile: Dockerfile
  readonly global: GlobalScope
  readonly plan: StagePlan
  readonly host: BuildHost
  readonly settings: BuildSettings
  /** Whether the steps of a stage are done even if they were done before. */
  isUncached(stage: PlannedStage): boolean
  /** `--pull` */
  readonly isFresh: boolean
  /** How many steps are done at once. */
  readonly parallelism: number
  /** Shown with each step, when there are several. */
  readonly platform?: string | undefined
  readonly signal: AbortSignal
  readonly onEvent: OnBuildEvent
}

export interface Solution extends StageResult {
  /** All that made files, in the order in which they were done. */
  readonly steps: readonly SolvedStep[]
}

/**
 * Builds the stages of a plan, all at once as far as they do not wait for each other.
 *
 * @returns what the target comes to
 * @throws {BuildError} with the file, the line and the instruction that failed
 */
export async function solve(request: SolveRequest): Promise<Solution> {
  const failed = new AbortController()
  const signal = AbortSignal.any([failed.signal, request.signal])
  // Every step listens.
  setMaxListeners(0, signal)
  const solver = new Solver(request, signal)
  try {
    const stages = request.plan.stages.map((stage) => solver.result(stage.index))
    for (const stage of stages) stage.catch((error) => failed.abort(error))
    // What others still do is stopped, and has left nothing, before anyone hears of it.
    await solver.settled()
    request.signal.throwIfAborted()
    if (failed.signal.aborted) throw failed.signal.reason
    return { ...(await solver.result(request.plan.target.index)), steps: solver.runner.done }
  } finally {
    await solver.sources.close()
  }
}

class Solver {
  readonly sources: Sources
  readonly runner: StepRunner
  readonly #request: SolveRequest
  readonly #signal: AbortSignal
  readonly #results = new Map<number, Promise<StageResult>>()
  readonly #images = new Map<string, Promise<BaseImage>>()

  constructor(request: SolveRequest, signal: AbortSignal) {
    this.#request = request
    this.#signal = signal
    this.sources = new Sources(request.host, signal)
    this.runner = new StepRunner(request, signal)
  }

  result(index: number): Promise<StageResult> {
    const known = this.#results.get(index)
    if (known) return known
    const result = this.#build(this.#request.plan.all[index] as PlannedStage)
    this.#results.set(index, result)
    return result
  }

  /** When all stages have ended, also those that only a trigger of an image has asked for. */
  async settled(): Promise<void> {
    for (let count = -1; count !== this.#results.size; ) {
      count = this.#results.size
      await Promise.allSettled(this.#results.values())
    }
  }

  async #build(stage: PlannedStage): Promise<StageResult> {
    const { global } = this.#request
    const names = new StepNames(this.#request.plan, stage, this.#request.platform)
    const from = names.next(stage.stage)
    const { origin, parent } = await this.#begin(stage, from)
    const scope = new Scope(global, { env: origin.config.Env ?? [], ...(parent && { parent }) })
    const { OnBuild: triggers, ...config } = origin.config
    const state = new StageState({ ...origin, config }, scope)
    const triggered = (triggers ?? []).flatMap((text) => parseInstructions(text).instructions)
    const { onEvent } = this.#request
    const { length } = triggered
    onEvent({ kind: 'result', step: from, id: state.id, ...(length > 0 && { triggers: length }) })
    for (const instruction of triggered)
      await this.#instruction(instruction, state, stage, names.next(instruction, true))
    for (const instruction of stage.stage.instructions)
      await this.#instruction(instruction, state, stage, names.next(instruction))
    return state.result()
  }

  async #begin(stage: PlannedStage, step: BuildStep): Promise<{ origin: StageOrigin; parent?: Scope }> {
    const { onEvent, dockerfile } = this.#request
    const { base, platform } = stage
    // Not timed: it has its own steps.
    if (base.kind === 'stage') {
      const { scope, ...origin } = await this.result(base.index)
      return { origin, parent: scope }
    }
    const begin = async (): Promise<StageOrigin> => {
      if (base.kind === 'scratch') return emptyOrigin(platform)
      if (base.kind === 'context') return await this.#beginWithFiles(base.name, stage, step)
      const image = await this.#image(base.reference, platform)
      const { id, layers, history } = image
      const extent = { image: id, layers: layers.length, history: history.length }
      return { ...image, platform, filesystem: filesystemOf(layers), base: extent }
    }
    try {
      const origin = await timed(onEvent, step, begin)
      return { origin: { ...origin, config: withPath(origin.config) } }
    } catch (error) {
      throw failedAt(error, dockerfile.file, stage.stage, this.#signal)
    }
  }

  /** A named context that is a directory: its files over nothing. */
  async #beginWithFiles(name: string, stage: PlannedStage, step: BuildStep): Promise<StageOrigin> {
    const origin = emptyOrigin(stage.platform)
    const state = new StageState(origin, new Scope(this.#request.global))
    const work = await createStep(copyAll(name), this.#context(state, stage, step))
    return { ...origin, filesystem: (await this.runner.run(work as FilesystemStep, state, stage, step)).filesystem }
  }

  #image(reference: string, platform: string): Promise<BaseImage> {
    const { host, isFresh, onEvent } = this.#request
    const name = `${platform} ${reference}`
    const image =
      this.#images.get(name) ?? host.image({ reference, platform, isFresh, signal: this.#signal, onPull: onEvent })
    this.#images.set(name, image)
    return image
  }

  async #instruction(instruction: Instruction, state: StageState, stage: PlannedStage, step: BuildStep): Promise<void> {
    const { dockerfile } = this.#request
    this.#signal.throwIfAborted()
    const { instruction: expanded } = expandInstruction(instruction, state.scope)
    try {
      await this.#apply(expanded, state, stage, step)
    } catch (error) {
      throw failedAt(error, dockerfile.file, instruction, this.#signal)
    }
    this.#request.onEvent({ kind: 'result', step, id: state.id })
  }

  async #apply(expanded: ExpandedInstruction, state: StageState, stage: PlannedStage, step: BuildStep): Promise<void> {
    const work = await createStep(expanded, this.#context(state, stage, step))
    state.draft.apply(expanded)
    if (!work) return state.advance(expanded)
    const { filesystem, createdAtMs } = await this.runner.run(work, state, stage, step)
    state.advanceTo(work.createdBy, filesystem, createdAtMs)
  }

  #context(state: StageState, stage: PlannedStage, step: BuildStep): StepContext {
    const { host, settings, onEvent } = this.#request
    return {
      host,
      settings,
      state,
      signal: this.#signal,
      source: (from) => this.#source(from, stage),
      started: (id) => void onEvent({ kind: 'container', step, id }),
      log: (stream, data) => onEvent({ kind: 'log', step, stream, data }),
      warn: (rule, message) => {
        const line = step.line ?? 1
        onEvent({ kind: 'warning', finding: { rule, message, lines: { first: line, last: line } } })
      },
    }
  }

  async #source(from: string | undefined, stage: PlannedStage): Promise<StepSource> {
    const { dockerfile, plan, settings } = this.#request
    if (from === undefined) return contextSource(() => settings.context())
    const origin = originOf(dockerfile, from, stage.index, plan.contexts)
    switch (origin.kind) {
      case 'stage': {
        const { filesystem, platform } = await this.result(origin.index)
        return this.sources.of(filesystem, platform)
      }
      case 'image': {
        const { layers } = await this.#image(origin.reference, stage.platform)
        return this.sources.of(filesystemOf(layers), stage.platform)
      }
      case 'context':
        return contextSource(() => settings.namedContext(origin.name) as Promise<BuildContext>)
      case 'scratch':
        return this.sources.of(scratch, stage.platform)
    }
  }
}

/** As with Docker, programs of a build are found, whatever its image says of PATH. */
function withPath(config: ImageRunConfig): ImageRunConfig {
  const env = config.Env ?? []
  return env.some((variable) => variable.startsWith('PATH='))
    ? config
    : { ...config, Env: [...env, `PATH=${defaultPath}`] }
}

function emptyOrigin(platform: string): StageOrigin {
  return { id: '', filesystem: scratch, config: {}, author: '', history: [], platform }
}

function contextSource(files: () => Promise<BuildContext>): StepSource {
  return { filesystem: undefined, files }
}
