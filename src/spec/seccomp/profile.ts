import { checkInteger, checkText, checkTexts, invalidOption } from '../invalid.js'
import { compact, deepFreeze } from '../records.js'
import type { SeccompAction, SeccompRule } from '../types.js'

/**
 * A seccomp profile in Docker's format. Rules with `includes` or `excludes` count only where these hold.
 * @see https://docs.docker.com/engine/security/seccomp/
 */
export interface SeccompProfile {
  readonly defaultAction: SeccompAction
  readonly defaultErrnoRet?: number
  /** Either this, or `archMap`; neither: the machine's own. */
  readonly architectures?: readonly string[]
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[]
  readonly syscalls: readonly SeccompProfileRule[]
}

export interface SeccompProfileRule extends SeccompRule {
  readonly includes?: SeccompCondition
  readonly excludes?: SeccompCondition
}

export interface SeccompCondition {
  /** Capabilities in the container's bounding set. */
  readonly caps?: readonly string[]
  /** Go's names: `amd64`, `arm64`. */
  readonly arches?: readonly string[]
  /** `major.minor` of a Linux version that the running one must reach. */
  readonly minKernel?: string
}

const actions: ReadonlySet<string> = new Set<SeccompAction>([
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
])

/** How a system call's argument is compared. */
const comparisons = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const

const maxText = 4 * 1024 * 1024
const maxErrno = 0xffff

/**
 * Reads a profile from JSON text or from an object, checks all of it, and leaves out what it does not know.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseProfile(input: unknown): SeccompProfile {
  const profile = record(typeof input === 'string' ? parseJson(input) : input, 'the profile')
  const architectures = texts(profile.architectures, 'architectures')
  const archMap = list(profile.archMap, 'archMap').map(parseArchitecture)
  if (architectures.length > 0 && archMap.length > 0)
    throw invalid("use either 'architectures' or 'archMap'", "'architectures' and 'archMap' were specified")
  return deepFreeze({
    ...compact({ defaultErrnoRet: errno(profile.defaultErrnoRet) }),
    defaultAction: action(profile.defaultAction, 'defaultAction'),
    ...(architectures.length > 0 && { architectures }),
    ...(archMap.length > 0 && { archMap }),
    syscalls: list(profile.syscalls, 'syscalls').map(parseRule),
  })
}

function parseJson(text: string): unknown {
  if (!text.trimStart().startsWith('{'))
    throw invalid(
      'give the profile itself, as JSON text or as an object, not its path',
      'is not JSON',
      text.slice(0, 200),
    )
  if (text.length > maxText) throw invalid(`keep it below ${maxText} characters`, 'is too large')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid('correct its syntax', `is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function parseArchitecture(input: unknown) {
  const { architecture, subArchitectures } = record(input, 'an entry of archMap')
  return {
    architecture: checkText('securityOpt', architecture),
    subArchitectures: texts(subArchitectures, 'subArchitectures'),
  }
}

function parseRule(input: unknown): SeccompProfileRule {
  const rule = record(input, 'a rule')
  const names = texts(rule.names, 'names')
  if (rule.name !== undefined && rule.name !== '') {
    if (names.length > 0) throw invalid("use either 'name' or 'names'", "'name' and 'names' were specified")
    names.push(checkText('securityOpt', rule.name))
  }
  if (names.length === 0) throw invalid("name its system calls in 'names'", 'has a rule without names')
  const args = list(rule.args, 'args').map(parseArgument)
  return {
    names,
    action: action(rule.action, `action of ${names[0]}`),
    ...(args.length > 0 && { args }),
    ...compact({
      errnoRet: errno(rule.errnoRet),
      includes: condition(rule.includes),
      excludes: condition(rule.excludes),
    }),
  }
}

function parseArgument(input: unknown): NonNullable<SeccompRule['args']>[number] {
  const { index, value, valueTwo, op } = record(input, 'an argument')
  if (!comparisons.some((name) => name === op))
    throw invalid(`use one of ${comparisons.join(', ')}`, `has an unknown op ${String(op)}`)
  return {
    index: integer(index, 'index', 5) ?? 0,
    value: integer(value, 'value') ?? 0,
    ...compact({ valueTwo: integer(valueTwo, 'valueTwo') }),
    op: op as string,
  }
}

function condition(input: unknown): SeccompCondition | undefined {
  if (input === undefined || input === null) return undefined
  const { caps, arches, minKernel } = record(input, 'includes or excludes')
  const found = { caps: texts(caps, 'caps'), arches: texts(arches, 'arches') }
  if (minKernel !== undefined && !/^\d+\.\d+$/.test(String(minKernel)))
    throw invalid("write it as in '4.8'", `has an invalid minKernel ${String(minKernel)}`)
  return {
    ...(found.caps.length > 0 && { caps: found.caps }),
    ...(found.arches.length > 0 && { arches: found.arches }),
    ...(minKernel !== undefined && { minKernel: String(minKernel) }),
  }
}

function action(value: unknown, where: string): SeccompAction {
  if (typeof value === 'string' && actions.has(value)) return value as SeccompAction
  throw invalid(`use one of ${[...actions].join(', ')}`, `has an unknown ${where}: ${String(value)}`)
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(`make ${what} an object`, `has something else as ${what}`)
}

function list(value: unknown, what: string): unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw invalid(`make ${what} an array`, `has something else as ${what}`)
}

function texts(value: unknown, what: string): string[] {
  return checkTexts('securityOpt', list(value, what) as string[])
}

const errno = (value: unknown) => integer(value, 'errnoRet', maxErrno)

// JSON numbers are exact up to 2^53: what is above could have become another number unnoticed.
function integer(value: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number') return checkInteger('securityOpt', value, 0, most)
  throw invalid(`make ${what} a number`, `has something else as ${what}`)
}

function invalid(hint: string, problem: string, value?: unknown) {
  return invalidOption('securityOpt', `Decoding seccomp profile failed: it ${problem}`, hint, value)
}
