import type { Instruction, Stage } from '../dockerfile/index.js'
import type { PlannedStage, StagePlan } from './plan/stages.js'
import type { BuildStep } from './progress.js'

/** Instructions that are counted. */
const makesFiles: ReadonlySet<string> = new Set(['FROM', 'RUN', 'COPY', 'ADD', 'WORKDIR'])

/** All steps of a plan, in the order of the Dockerfile; triggers of images are not known yet. */
export function stepsOf(plan: StagePlan, platform: string | undefined): BuildStep[] {
  return plan.stages.flatMap((planned) => {
    const names = new StepNames(plan, planned, platform)
    return [planned.stage, ...planned.stage.instructions].map((instruction) => names.next(instruction))
  })
}

/** Steps of a stage as they are shown: `[build 2/5] RUN make`. */
export class StepNames {
  readonly #stage: PlannedStage
  readonly #platform: string | undefined
  readonly #label: string
  readonly #total: number
  #count = 0
  #position = 0
  #triggers = 0

  constructor(plan: StagePlan, stage: PlannedStage, platform: string | undefined) {
    this.#stage = stage
    this.#platform = platform
    const name = stage.stage.name ?? (plan.all.length > 1 ? `stage-${stage.index}` : '')
    this.#label = [platform, name].filter((part) => part !== undefined && part !== '').join(' ')
    this.#total = 1 + stage.stage.instructions.filter(({ kind }) => makesFiles.has(kind)).length
  }

  /** @param isTrigger of the base image: it has no line, and no number of its own */
  next({ kind, original, lines }: Instruction | Stage, isTrigger = false): BuildStep {
    if (makesFiles.has(kind) && !isTrigger) this.#count++
    const place = `${this.#label} ${this.#count}/${this.#total}`.trim()
    const id = isTrigger ? `${this.#stage.index}.0.${++this.#triggers}` : `${this.#stage.index}.${this.#position++}`
    return {
      id,
      stage: this.#stage.label,
      line: isTrigger ? undefined : lines.first,
      name: `[${place}] ${original}`,
      instruction: original,
      ...(this.#platform !== undefined && { platform: this.#platform }),
    }
  }
}
