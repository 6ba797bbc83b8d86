import type { Seccomp, SeccompAction, SeccompRule } from '../types.js'
import { type Abi, syscallNumbers } from './syscalls.js'

/** What a filter answers: a SECCOMP_RET_* value, with an errno in its low bits. @see seccomp(2) */
export type Verdict = number

const EPERM = 1
const ENOSYS = 38

const verdicts: Readonly<Record<SeccompAction, Verdict>> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
}

/** What a call through an interface that the profile does not name gets: the thread ends. */
export const killThread: Verdict = verdicts.SCMP_ACT_KILL_THREAD

/**
 * Arguments that the kernel takes as 32-bit integers. Comparing the unused half too would let a caller past a rule by setting
 * a bit in it.
 */
const narrow: Readonly<Record<string, readonly number[]>> = { socket: [0, 1, 2], personality: [0] }

function verdictOf(action: SeccompAction, errno: number | undefined): Verdict {
  const carriesErrno = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE'
  return (verdicts[action] | (carriesErrno ? (errno ?? EPERM) & 0xffff : 0)) >>> 0
}

/** A comparison of an argument. */
export type Argument = NonNullable<SeccompRule['args']>[number] & {
  /** Only the low 32 bits count. */
  readonly narrow: boolean
}

/** A verdict for calls whose arguments all compare as said. */
export interface Case {
  readonly args: readonly Argument[]
  readonly verdict: Verdict
}

/** What one system call gets: the first case that holds, else `otherwise`. */
export interface Decision {
  readonly cases: readonly Case[]
  readonly otherwise: Verdict
}

/** System calls from `first` up to the next range's, which all get the same. */
export interface Range {
  readonly first: number
  readonly decision: Decision
}

/**
 * A profile as ranges of system call numbers of one interface, from 0 up. Where the default is a refusal, numbers above the
 * last one that the profile names get ENOSYS: a C library that tries a newer call falls back to an older one.
 */
export function decide(seccomp: Seccomp, abi: Abi): Range[] {
  const fallback = verdictOf(seccomp.defaultAction, seccomp.defaultErrnoRet)
  const rules = rulesByNumber(seccomp, abi)
  const ranges: Range[] = [{ first: 0, decision: { cases: [], otherwise: fallback } }]
  const add = (first: number, decision: Decision): void => {
    if (ranges.at(-1)?.first === first) ranges.pop()
    const last = ranges.at(-1)
    if (!last || !isSame(last.decision, decision)) ranges.push({ first, decision })
  }
  const numbers = [...rules.keys()].sort((a, b) => a - b)
  for (const number of numbers) {
    add(number, decisionOf(rules.get(number) ?? [], fallback))
    add(number + 1, { cases: [], otherwise: fallback })
  }
  const last = numbers.at(-1)
  if (last !== undefined && !isPermissive(seccomp))
    add(last + 1, { cases: [], otherwise: verdictOf('SCMP_ACT_ERRNO', ENOSYS) })
  return ranges
}

function isPermissive({ defaultAction }: Seccomp): boolean {
  return ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'].includes(defaultAction)
}

interface NamedRule {
  readonly name: string
  readonly rule: SeccompRule
}

function rulesByNumber({ syscalls }: Seccomp, abi: Abi): Map<number, NamedRule[]> {
  const numbers = syscallNumbers(abi)
  const rules = new Map<number, NamedRule[]>()
  for (const rule of syscalls) {
    for (const name of rule.names) {
      const number = numbers.get(name)
      if (number === undefined) continue
      const known = rules.get(number)
      if (known) known.push({ name, rule })
      else rules.set(number, [{ name, rule }])
    }
  }
  return rules
}

/** A rule without arguments wins over those with, as the more general one does in libseccomp. */
function decisionOf(rules: readonly NamedRule[], fallback: Verdict): Decision {
  const general = rules.find(({ rule }) => !rule.args?.length)?.rule
  if (general) return { cases: [], otherwise: verdictOf(general.action, general.errnoRet) }
  return { cases: rules.flatMap(casesOf), otherwise: fallback }
}

/** Comparisons of different arguments must all hold; when one argument comes twice, each stands for itself. */
function casesOf({ name, rule }: NamedRule): Case[] {
  const args = (rule.args ?? []).map((arg) => ({ ...arg, narrow: narrow[name]?.includes(arg.index) ?? false }))
  const verdict = verdictOf(rule.action, rule.errnoRet)
  const repeated = new Set(args.map(({ index }) => index)).size < args.length
  return repeated ? args.map((arg) => ({ args: [arg], verdict })) : [{ args, verdict }]
}

function isSame(a: Decision, b: Decision): boolean {
  return a.cases.length === 0 && b.cases.length === 0 && a.otherwise === b.otherwise
}
