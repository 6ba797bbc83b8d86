import { type Dockerfile, expandInstruction, type GlobalScope, type Instruction, parseInstructions, Scope } from '../dockerfile/index.js'
import { type Filesystem, filesystemOf, scratch } from './filesystem.js'
import type { BuildHost } from './host.js'
import { keyOf } from './key.js'
import type { PlannedStage, StagePlan } from './plan/stages.js'
import type { BuildStep, OnBuildEvent } from './progress.js'
import { type StageOrigin, type StageResult, StageState } from './stage-state.js'
import type { FilesystemStep } from './steps/step.js'

export interface SolveRequest {
  readonly dockerfile: Dockerfile
  readonly global: GlobalScope
  readonly plan: StagePlan
  readonly host: BuildHost
  /** Whether the steps of a stage are done even if they were done before. */
  isUncached(stage: PlannedStage): boolean
  readonly signal: AbortSignal
  readonly onEvent: OnBuildEvent
  /** What an instruction does to files; undefined when it only changes the configuration. */
  stepOf(instruction: ReturnType<typeof expandInstruction>['instruction'], state: StageState, at: StepPlace): Promise<FilesystemStep | undefined>
}

/** Where an instruction stands. */
export interface StepPlace {
  readonly stage: PlannedStage
  readonly step: BuildStep
  readonly signal: AbortSignal
  /** What another stage comes to; it is being built already. */
  result(index: number): Promise<StageResult>
}

/**
 * Builds the stages of a plan, all at once as far as they do not wait for each other.
 *
 * @returns what the target comes to
 */
export async function solve(request: SolveRequest): Promise<StageResult> {
  const failed = new AbortController()
  const solver = new Solver(request, AbortSignal.any([failed.signal, request.signal]))
  const stages = request.plan.stages.map((stage) => solver.result(stage.index))
  for (const stage of stages) stage.catch((error) => failed.abort(error))
  // What others still do is stopped, and has left nothing, before anyone hears of it.
  await Promise.allSettled(stages)
  request.signal.throwIfAborted()
  if (failed.signal.aborted) throw failed.signal.reason
  return solver.result(request.plan.target.index)
}

class Solver {
  readonly #request: SolveRequest
  readonly #signal: AbortSignal
  readonly #results = new Map<number, Promise<StageResult>>()

  constructor(request: SolveRequest, signal: AbortSignal) {
    this.#request = request
    this.#signal = signal
  }

  result(index: number): Promise<StageResult> {
    const known = this.#results.get(index)
    if (known) return known
    const stage = this.#request.plan.stages.find((planned) => planned.index === index) as PlannedStage
    const result = this.#build(stage)
    this.#results.set(index, result)
    return result
  }

  async #build(stage: PlannedStage): Promise<StageResult> {
    const { global, onEvent } = this.#request
    const names = new StepNames(stage)
    const from = names.next(stage.stage)
    const { origin, parent } = await timed(onEvent, from, () => this.#origin(stage))
    const scope = new Scope(global, { env: origin.config.Env ?? [], ...(parent && { parent }) })
    const { OnBuild: triggers = [], ...config } = origin.config
    const state = new StageState({ ...origin, config }, scope)
    for (const instruction of triggers.flatMap((text) => parseInstructions(text).instructions))
      await this.#instruction(instruction, state, stage, names.next(instruction, true))
    for (const instruction of stage.stage.instructions)
      await this.#instruction(instruction, state, stage, names.next(instruction))
    return state.result()
  }

  async #origin({ base, platform }: PlannedStage): Promise<{ origin: StageOrigin; parent?: Scope }> {
    switch (base.kind) {
      case 'scratch':
        return { origin: { filesystem: scratch, config: {}, author: '', history: [], platform } }
      case 'stage': {
        const result = await this.result(base.index)
        return { origin: result, parent: result.scope }
      }
      case 'image':
      case 'context': {
        const reference = base.kind === 'image' ? base.reference : base.name
        const image = await this.#request.host.image({ reference, platform, signal: this.#signal })
        return { origin: { ...image, filesystem: filesystemOf(image.layers) } }
      }
    }
  }

  async #instruction(instruction: Instruction, state: StageState, stage: PlannedStage, step: BuildStep): Promise<void> {
    this.#signal.throwIfAborted()
    const { instruction: expanded } = expandInstruction(instruction, state.scope)
    const place: StepPlace = { stage, step, signal: this.#signal, result: (index) => this.result(index) }
    state.draft.apply(expanded)
    const work = await this.#request.stepOf(expanded, state, place)
    if (work) state.advance(work.createdBy, await this.#files(work, state, place))
    else state.advance(instruction.original)
  }

  /** The files after a step: those that it has left before, in whatever build, or what it leaves now. */
  async #files(work: FilesystemStep, { filesystem, platform }: StageState, { stage, step }: StepPlace): Promise<Filesystem> {
    const { host, onEvent, isUncached } = this.#request
    const key = keyOf({ kind: work.kind, step: work.key, on: filesystem.key, platform })
    const make = () => timed(onEvent, step, () => this.#make(work, filesystem, platform, key))
    if (!isUncached(stage)) {
      const { filesystem: found, isMade } = await host.steps.once(key, make, this.#signal)
      if (!isMade) onEvent({ kind: 'step', step, status: 'cached' })
      return found
    }
    return make()
  }

  async #make(work: FilesystemStep, parent: Filesystem, platform: string, key: string): Promise<Filesystem> {
    const { steps, open } = this.#request.host
    await using workspace = await open(parent, platform, this.#signal)
    await work.execute(workspace)
    const layer = await workspace.pack()
    const filesystem = layer ? { key, layers: [...parent.layers, layer] } : parent
    steps.keep(key, filesystem, { kind: work.kind, description: work.createdBy })
    return filesystem
  }
}

/** Steps as they are shown: FROM and those that make files are counted. */
class StepNames {
  readonly #stage: PlannedStage
  readonly #total: number
  #count = 0
  #position = 0

  constructor(stage: PlannedStage) {
    this.#stage = stage
    this.#total = 1 + stage.stage.instructions.filter(({ kind }) => makesFiles.has(kind)).length
  }

  next({ kind, original, lines }: Pick<Instruction, 'original' | 'lines'> & { kind: string }, isTrigger = false): BuildStep {
    const { index, label } = this.#stage
    if (makesFiles.has(kind) && !isTrigger) this.#count++
    const id = `${index}.${this.#position++}`
    return { id, stage: label, line: isTrigger ? undefined : lines.first, name: `[${label} ${this.#count}/${this.#total}] ${original}` }
  }
}

const makesFiles: ReadonlySet<string> = new Set(['FROM', 'RUN', 'COPY', 'ADD', 'WORKDIR'])

async function timed<Result>(onEvent: OnBuildEvent, step: BuildStep, body: () => Promise<Result>): Promise<Result> {
  const began = performance.now()
  const end = (status: 'done' | 'failed') =>
    onEvent({ kind: 'step', step, status, durationMs: performance.now() - began })
  onEvent({ kind: 'step', step, status: 'started' })
  try {
    const result = await body()
    end('done')
    return result
  } catch (error) {
    end('failed')
    throw error
  }
}
