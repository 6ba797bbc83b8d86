import { type Dockerfile, expandFrom, type GlobalScope, type Instruction, type Stage } from '../../dockerfile/index.js'
import { parsePlatform } from '../../spec/platform.js'
import { invalidStageIndex, unknownTarget } from '../build-errors.js'
import { failedAt } from '../step-failure.js'

/** Where files come from: another stage, an image, or what was given under a name. */
export type Origin =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'context'; readonly name: string }

/** What a stage begins with. */
export type StageBase = Origin

/** A stage, and where all comes from that its own instructions name. */
export interface PlannedStage {
  readonly index: number
  readonly stage: Stage
  /** Its name, else its number: as it is shown. */
  readonly label: string
  readonly base: StageBase
  readonly platform: string
}

/** The stages of a build: those that its target needs. */
export interface StagePlan {
  readonly target: PlannedStage
  /** Those that it needs, in the order of the Dockerfile. */
  readonly stages: readonly PlannedStage[]
  /** All of the Dockerfile, by their numbers. */
  readonly all: readonly PlannedStage[]
  readonly contexts: NamedContexts
}

/** What was given under names: a reference of an image, or undefined for files. Each hides a stage and an image of that name. */
export type NamedContexts = ReadonlyMap<string, string | undefined>

export interface PlanOptions {
  readonly target: string | undefined
  /** What is built for. */
  readonly platform: string
  readonly contexts: NamedContexts
}

/**
 * The stages that a target needs: what its FROM, and COPY, ADD and RUN of it name, and those of theirs.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID` no such target, or a FROM that cannot be expanded
 */
export function planStages(dockerfile: Dockerfile, global: GlobalScope, options: PlanOptions): StagePlan {
  const planned = dockerfile.stages.map((stage, index) => planStage(dockerfile, stage, index, global, options))
  const target = planned[targetIndex(dockerfile, options.target)] as PlannedStage
  const needed = new Set<number>()
  const need = (index: number) => {
    if (needed.has(index)) return
    needed.add(index)
    const { stage, base } = planned[index] as PlannedStage
    if (base.kind === 'stage') need(base.index)
    for (const instruction of stage.instructions)
      for (const origin of originsOf(dockerfile, instruction, index, options.contexts))
        if (origin.kind === 'stage') need(origin.index)
  }
  need(target.index)
  const stages = planned.filter(({ index }) => needed.has(index))
  return { target, stages, all: planned, contexts: options.contexts }
}

function planStage(
  dockerfile: Dockerfile,
  stage: Stage,
  index: number,
  global: GlobalScope,
  { platform: wanted, contexts }: PlanOptions,
): PlannedStage {
  const { base, platform: named } = expandFrom(stage, global)
  const platform = named === undefined ? wanted : platformAt(named, dockerfile.file, stage)
  return { index, stage, label: stage.name ?? String(index), base: baseOf(dockerfile, base, index, contexts), platform }
}

function baseOf(dockerfile: Dockerfile, name: string, before: number, contexts: NamedContexts): StageBase {
  const given = contextNamed(name, contexts)
  if (given) return given
  if (name === 'scratch') return { kind: 'scratch' }
  const index = stageNamed(dockerfile, name, before)
  return index === undefined ? { kind: 'image', reference: name } : { kind: 'stage', index }
}

function platformAt(text: string, file: string, stage: Stage): string {
  try {
    return parsePlatform(text)
  } catch (error) {
    throw failedAt(error, file, stage)
  }
}

function originsOf(
  dockerfile: Dockerfile,
  instruction: Instruction,
  before: number,
  contexts: NamedContexts,
): Origin[] {
  try {
    return sourcesOf(instruction).map((from) => originOf(dockerfile, from, before, contexts))
  } catch (error) {
    throw failedAt(error, dockerfile.file, instruction)
  }
}

/**
 * What `--from` means in a stage: only stages before it are seen.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID` a number that no stage before has: it never names an image
 */
export function originOf(
  dockerfile: Pick<Dockerfile, 'stages'>,
  from: string,
  before: number,
  contexts: NamedContexts,
): Origin {
  const given = contextNamed(from, contexts)
  if (given) return given
  if (from === 'scratch') return { kind: 'scratch' }
  const number = /^\d+$/.test(from) ? Number(from) : undefined
  if (number !== undefined && number >= before) throw invalidStageIndex(from)
  const index = number ?? stageNamed(dockerfile, from, before)
  return index === undefined ? { kind: 'image', reference: from } : { kind: 'stage', index }
}

function contextNamed(name: string, contexts: NamedContexts): Origin | undefined {
  const key = [name, name.toLowerCase()].find((one) => contexts.has(one))
  if (key === undefined) return undefined
  const reference = contexts.get(key)
  return reference === undefined ? { kind: 'context', name: key } : { kind: 'image', reference }
}

/** Of several with that name the last one before. */
function stageNamed({ stages }: Pick<Dockerfile, 'stages'>, name: string, before: number): number | undefined {
  const index = stages.slice(0, before).findLastIndex((stage) => stage.name === name.toLowerCase())
  return index < 0 ? undefined : index
}

/** What an instruction names in `from`. */
function sourcesOf(instruction: Instruction): string[] {
  if (instruction.kind === 'COPY') return instruction.from === undefined ? [] : [instruction.from]
  if (instruction.kind === 'RUN') return instruction.mounts.flatMap(({ from }) => from ?? [])
  return []
}

function targetIndex({ stages }: Dockerfile, target: string | undefined): number {
  if (target === undefined || target === '') return stages.length - 1
  const named = stages.findLastIndex(({ name }) => name === target.toLowerCase())
  if (named >= 0) return named
  const number = /^\d{1,9}$/.test(target) ? Number(target) : Number.NaN
  if (number < stages.length) return number
  throw unknownTarget(target)
}
