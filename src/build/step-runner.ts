import { Gate } from '../content/gate.js'
import { traced } from '../tracing/index.js'
import type { Filesystem } from './filesystem.js'
import type { BuildHost, StepOutcome, Workspace } from './host.js'
import { type KeyPart, keyOf } from './key.js'
import type { PlannedStage } from './plan/stages.js'
import type { BuildStep, OnBuildEvent } from './progress.js'
import type { BuildSettings } from './settings.js'
import type { StageState } from './stage-state.js'
import type { FilesystemStep } from './steps/step.js'

export interface StepRunnerOptions {
  readonly host: BuildHost
  readonly settings: Pick<BuildSettings, 'epoch'>
  /** How many steps are done at once. */
  readonly parallelism: number
  readonly onEvent: OnBuildEvent
  /** Whether the steps of a stage are done even if they were done before. */
  isUncached(stage: PlannedStage): boolean
}

/** A step of a build, as caches know it. */
export interface SolvedStep {
  readonly keys: readonly string[]
  readonly parent: Filesystem
  readonly filesystem: Filesystem
}

/** Does the steps of a build that make files, or finds that they were done; a bounded number at once. */
export class StepRunner {
  /** All that were done or found, in that order. */
  readonly done: SolvedStep[] = []
  readonly #options: StepRunnerOptions
  readonly #signal: AbortSignal
  readonly #gate: Gate

  constructor(options: StepRunnerOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
    this.#gate = new Gate(options.parallelism)
  }

  /** The files after a step: those that it has left before, in whatever build, or what it leaves now. */
  async run(work: FilesystemStep, state: StageState, stage: PlannedStage, step: BuildStep): Promise<StepOutcome> {
    try {
      return await traced(
        'inboard:image.build.step',
        () => ({ step: step.name }),
        async (message) => {
          const outcome = await this.#find(work, state, stage, step)
          if (message) message.isCached = outcome.isCached
          return outcome
        },
      )
    } finally {
      await work.dispose?.()
    }
  }

  async #find(work: FilesystemStep, state: StageState, stage: PlannedStage, step: BuildStep): Promise<StepOutcome> {
    const { host, onEvent } = this.#options
    const parent = state.filesystem
    const quick = work.quickKey === undefined ? undefined : this.#key(work, state, 'quick', work.quickKey)
    const known = quick === undefined || this.#options.isUncached(stage) ? undefined : host.find(quick)
    if (known && quick !== undefined) {
      onEvent({ kind: 'step', step, status: 'cached' })
      this.done.push({ keys: [quick], parent, filesystem: known.filesystem })
      return known
    }
    const keys = [this.#key(work, state, 'content', await work.key()), ...(quick === undefined ? [] : [quick])]
    const outcome = await this.#make(work, keys, state, stage, step)
    this.done.push({ keys, parent, filesystem: outcome.filesystem })
    return outcome
  }

  /** Begins when the engine says so: not when it was done before, or somebody else does it. */
  async #make(
    work: FilesystemStep,
    keys: readonly string[],
    { filesystem: parent, platform }: StageState,
    stage: PlannedStage,
    step: BuildStep,
  ): Promise<StepOutcome> {
    const { host, settings, onEvent, isUncached } = this.#options
    const { kind, createdBy: description } = work
    let began: number | undefined
    const execute = (workspace: Workspace) =>
      this.#gate.run(() => {
        began = performance.now()
        onEvent({ kind: 'step', step, status: 'started' })
        return work.execute(workspace)
      }, this.#signal)
    const end = (status: 'done' | 'failed') => {
      if (began !== undefined) onEvent({ kind: 'step', step, status, durationMs: performance.now() - began })
    }
    const how = { isUncached: isUncached(stage), epoch: settings.epoch, signal: this.#signal }
    try {
      const outcome = await host.step({ keys, kind, description, parent, platform, ...how, execute })
      if (outcome.isCached) onEvent({ kind: 'step', step, status: 'cached' })
      else end('done')
      return outcome
    } catch (error) {
      end('failed')
      throw error
    }
  }

  #key({ kind }: FilesystemStep, { filesystem, platform }: StageState, what: string, step: KeyPart): string {
    return keyOf({ kind, what, step, on: filesystem.key, platform, epoch: this.#options.settings.epoch })
  }
}
