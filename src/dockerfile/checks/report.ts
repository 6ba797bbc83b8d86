import { checkIn } from '../directives.js'
import { limits } from '../limits.js'
import type { CheckDirective, Finding, Source } from '../types.js'

/** Docker's names of the rules. */
export type Rule =
  | 'ConsistentInstructionCasing'
  | 'CopyIgnoredFile'
  | 'DuplicateStageName'
  | 'ExposeInvalidFormat'
  | 'ExposeProtoCasing'
  | 'FromAsCasing'
  | 'FromPlatformFlagConstDisallowed'
  | 'InvalidDefaultArgInFrom'
  | 'InvalidDefinitionDescription'
  | 'JSONArgsRecommended'
  | 'LegacyKeyValueFormat'
  | 'MaintainerDeprecated'
  | 'MultipleInstructionsDisallowed'
  | 'NoEmptyContinuation'
  | 'RedundantTargetPlatform'
  | 'ReservedStageName'
  | 'SecretsUsedInArgOrEnv'
  | 'StageNameCasing'
  | 'UndefinedArgInFrom'
  | 'UndefinedVar'
  | 'WorkdirRelativePath'

/** Rules that are only for who asks for them. */
const experimental: ReadonlySet<string> = new Set<Rule>(['InvalidDefinitionDescription'])

/** Gathers findings, but those that the file, or a comment above the instruction, does not want. */
export class Report {
  readonly #directive: CheckDirective | undefined
  readonly #findings: Finding[] = []

  constructor(directive: CheckDirective | undefined) {
    this.#directive = directive
  }

  /** In the order of the lines. */
  get findings(): Finding[] {
    return [...this.#findings].sort((one, other) => one.lines.first - other.lines.first)
  }

  /** So much was found that nothing more is told. */
  get isFull(): boolean {
    return this.#findings.length >= limits.findings
  }

  add(rule: Rule, { lines, comments }: Pick<Source, 'lines' | 'comments'>, message: string): void {
    if (this.isFull) return
    const directives = [this.#directive, checkIn(comments)]
    const isWanted = experimental.has(rule)
      ? directives.some((directive) => names(directive?.experimental, rule))
      : !directives.some((directive) => names(directive?.skip, rule))
    if (isWanted) this.#findings.push({ rule, message, lines })
  }
}

function names(rules: readonly string[] | 'all' | undefined, rule: Rule): boolean {
  return rules === 'all' || rules?.includes(rule) === true
}
