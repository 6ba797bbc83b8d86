import type { ArgInstruction, Dockerfile, Instruction, Source, Stage } from '../types.js'
import type { Report } from './report.js'

/** What can be said of a Dockerfile without knowing any value. */
export function checkWords({ metaArgs, stages, warnings }: Dockerfile, report: Report): void {
  for (const { lines, message } of warnings) report.add('NoEmptyContinuation', { lines, comments: [] }, message)
  for (const instruction of metaArgs) checkDescriptions('ARG', namesOf(instruction), instruction, report)
  checkStageNames(stages, report)
  checkCasing(stages, report)
  for (const stage of stages) {
    for (const instruction of stage.instructions) checkInstruction(instruction, report)
    checkRepetitions(stage, report)
  }
}

const reservedNames: ReadonlySet<string> = new Set(['context', 'scratch'])

function checkStageNames(stages: readonly Stage[], report: Report): void {
  const names = new Set<string>()
  for (const stage of stages) {
    const { name, writtenName, as = '', keyword } = stage
    if (name === undefined) continue
    if (writtenName !== name) report.add('StageNameCasing', stage, `Stage name '${writtenName}' should be lowercase`)
    if (!isOfOneCase(keyword, as))
      report.add('FromAsCasing', stage, `'${as}' and '${keyword}' keywords' casing do not match`)
    if (reservedNames.has(name))
      report.add('ReservedStageName', stage, `Stage name should not use the same name as reserved stage "${name}"`)
    if (names.has(name))
      report.add('DuplicateStageName', stage, `Duplicate stage name "${name}", stage names should be unique`)
    names.add(name)
    checkDescriptions('FROM', [name], stage, report)
  }
}

/** A keyword that mixes cases is another rule's concern. */
function isOfOneCase(keyword: string, as: string): boolean {
  if (keyword === keyword.toLowerCase()) return as === as.toLowerCase()
  return keyword !== keyword.toUpperCase() || as === as.toUpperCase()
}

function checkCasing(stages: readonly Stage[], report: Report): void {
  const sources = stages.flatMap((stage): Source[] => [stage, ...stage.instructions])
  const lower = sources.filter(({ keyword }) => keyword === keyword.toLowerCase()).length
  const upper = sources.filter(({ keyword }) => keyword === keyword.toUpperCase()).length
  const isLower = lower > upper
  for (const source of sources) {
    const { keyword } = source
    const wanted = isLower ? keyword.toLowerCase() : keyword.toUpperCase()
    if (keyword === wanted) continue
    const casing = isLower ? 'lowercase' : 'uppercase'
    const message = `Command '${keyword}' should match the case of the command majority (${casing})`
    report.add('ConsistentInstructionCasing', source, message)
  }
}

function checkInstruction(instruction: Instruction, report: Report): void {
  switch (instruction.kind) {
    case 'MAINTAINER':
      report.add('MaintainerDeprecated', instruction, 'Maintainer instruction is deprecated in favor of using label')
      return
    case 'ARG':
      checkDescriptions('ARG', namesOf(instruction), instruction, report)
      checkSecrets('ARG', namesOf(instruction), instruction, report)
      return
    case 'ENV':
    case 'LABEL': {
      const { keyword, pairs } = instruction
      const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`
      if (pairs.some(({ legacy }) => legacy)) report.add('LegacyKeyValueFormat', instruction, message)
      const names = pairs.map(({ name }) => name)
      if (instruction.kind === 'ENV') checkSecrets('ENV', names, instruction, report)
      return
    }
    default:
      return
  }
}

function checkRepetitions({ instructions }: Stage, report: Report): void {
  const last = new Map<string, Instruction>()
  for (const instruction of instructions) {
    const { kind, keyword } = instruction
    if (kind !== 'CMD' && kind !== 'ENTRYPOINT' && kind !== 'HEALTHCHECK') continue
    const before = last.get(kind)
    const message = `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`
    if (before) report.add('MultipleInstructionsDisallowed', before, message)
    last.set(kind, instruction)
  }
}

const secret = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i
const harmless = /(?:_|^)(?:public|file|version)(?:_|$)/i

function checkSecrets(kind: string, names: readonly string[], source: Source, report: Report): void {
  for (const name of names)
    if (secret.test(name) && !harmless.test(name))
      report.add(
        'SecretsUsedInArgOrEnv',
        source,
        `Do not use ARG or ENV instructions for sensitive data (${kind} ${JSON.stringify(name)})`,
      )
}

function checkDescriptions(kind: string, names: readonly string[], source: Source, report: Report): void {
  const described = source.comments.at(-1)?.split(' ', 1)[0]
  if (described === undefined || names.includes(described)) return
  const example = names.length > 1 ? '<arg_key>' : names[0]
  const message = `Comment for ${kind} should follow the format: \`# ${example} <description>\``
  report.add('InvalidDefinitionDescription', source, message)
}

function namesOf({ args }: ArgInstruction): string[] {
  return args.map(({ name }) => name)
}
