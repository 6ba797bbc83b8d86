import { getOrMake } from '../records.js'
import type { Seccomp } from '../types.js'
import { Assembler, Label } from './bpf.js'
import { type Argument, type Decision, decide, killThread, type Range, type Verdict } from './decisions.js'
import type { Architecture } from './resolve.js'
import type { Abi } from './syscalls.js'

/** struct seccomp_data: nr, arch, instruction_pointer, args[6]. */
const offsets = { number: 0, architecture: 4, arguments: 16 } as const

const auditArchitectures = { x86_64: 0xc000003e, i386: 0x40000003, aarch64: 0xc00000b7, arm: 0x40000028 } as const
const X32_BIT = 0x40000000

/** Interfaces of each machine: the profile's name for them, and ours. */
const abis: Readonly<Record<Architecture, Readonly<Partial<Record<string, keyof typeof auditArchitectures>>>>> = {
  x86_64: { SCMP_ARCH_X86_64: 'x86_64', SCMP_ARCH_X86: 'i386' },
  aarch64: { SCMP_ARCH_AARCH64: 'aarch64', SCMP_ARCH_ARM: 'arm' },
}

const wordBits: Readonly<Record<Abi, 32 | 64>> = { x86_64: 64, x32: 64, i386: 32, aarch64: 64, arm: 32 }

const compiled = new WeakMap<Seccomp, Map<Architecture, Uint8Array>>()

/**
 * Compiles a resolved profile to a filter: an array of `struct sock_filter` for seccomp(2). The interface (64-bit, 32-bit, x32)
 * is told apart first; then a binary tree over the ranges of system call numbers leads to a verdict in about seven steps.
 * The result is kept for as long as the profile is.
 *
 * @throws {InvalidOptionError} INVALID_OPTION when the profile needs more than the kernel's 4,096 instructions
 */
export function compileSeccomp(seccomp: Seccomp, arch: Architecture): Uint8Array {
  const programs = getOrMake(compiled, seccomp, () => new Map<Architecture, Uint8Array>())
  return getOrMake(programs, arch, () => compile(seccomp, arch))
}

function compile(seccomp: Seccomp, arch: Architecture): Uint8Array {
  const code = new Assembler()
  code.load(offsets.architecture)
  for (const [name, abi] of Object.entries(abis[arch])) {
    if (!abi || !seccomp.architectures.includes(name)) continue
    const next = new Label()
    code.branch('equal', auditArchitectures[abi], undefined, next)
    code.load(offsets.number)
    if (abi === 'x86_64') writeX32(code, seccomp)
    writeTree(code, decide(seccomp, abi), abi)
    code.here(next)
  }
  code.return(killThread)
  return code.finish()
}

/** x32 shares the 64-bit interface's architecture, and has a bit in the number instead. */
function writeX32(code: Assembler, seccomp: Seccomp): void {
  const native = new Label()
  code.branch('atLeast', X32_BIT, undefined, native)
  if (seccomp.architectures.includes('SCMP_ARCH_X32')) {
    const ranges = decide(seccomp, 'x32').map(({ first, decision }) => ({ first: first + X32_BIT, decision }))
    writeTree(code, ranges, 'x32')
  } else code.return(killThread)
  code.here(native)
}

/** The number is in the accumulator, and at least the first range's. The tree's leaves share an instruction for each verdict. */
function writeTree(code: Assembler, ranges: readonly Range[], abi: Abi): void {
  const verdicts = new Map<Verdict, Label>()
  writeRanges(code, ranges, abi, verdicts)
  for (const [verdict, label] of verdicts) {
    code.here(label)
    code.return(verdict)
  }
}

type Verdicts = Map<Verdict, Label>

function writeRanges(code: Assembler, ranges: readonly Range[], abi: Abi, verdicts: Verdicts): void {
  const middle = ranges.length >> 1
  const [lower, upper] = [ranges.slice(0, middle), ranges.slice(middle)]
  const [first, pivot] = [ranges[0], upper[0]]
  if (!first || !pivot) return
  if (middle === 0) {
    writeDecision(code, first.decision, abi)
    return
  }
  const below = sharedVerdict(lower, verdicts)
  const above = sharedVerdict(upper, verdicts)
  const next = new Label()
  code.branch('atLeast', pivot.first, above ?? next, below)
  if (!below) writeRanges(code, lower, abi, verdicts)
  code.here(next)
  if (!above) writeRanges(code, upper, abi, verdicts)
}

/** Where the verdict of a single range is that no argument changes; undefined for all else. */
function sharedVerdict([range, ...others]: readonly Range[], verdicts: Verdicts): Label | undefined {
  if (!range || others.length > 0 || range.decision.cases.length > 0) return undefined
  return getOrMake(verdicts, range.decision.otherwise, () => new Label())
}

function writeDecision(code: Assembler, { cases, otherwise }: Decision, abi: Abi): void {
  for (const { args, verdict } of cases) {
    const next = new Label()
    for (const arg of args) writeComparison(code, arg, abi, next)
    code.return(verdict)
    code.here(next)
  }
  code.return(otherwise)
}

/** Goes on when the comparison holds, else to `fail`. */
function writeComparison(code: Assembler, arg: Argument, abi: Abi, fail: Label): void {
  const low = offsets.arguments + 8 * arg.index
  const wide = wordBits[abi] === 64 && !arg.narrow
  const value = halves(arg.value)
  const holds = new Label()
  switch (arg.op) {
    case 'SCMP_CMP_MASKED_EQ': {
      const datum = halves(arg.valueTwo ?? 0)
      if (wide) writeMasked(code, low + 4, value.high, datum.high, fail)
      writeMasked(code, low, value.low, datum.low, fail)
      break
    }
    case 'SCMP_CMP_EQ':
      if (wide) writeMasked(code, low + 4, 0xffffffff, value.high, fail)
      writeMasked(code, low, 0xffffffff, value.low, fail)
      break
    case 'SCMP_CMP_NE':
      if (wide) {
        code.load(low + 4)
        code.branch('equal', value.high, undefined, holds)
      }
      code.load(low)
      code.branch('equal', value.low, fail)
      break
    default:
      writeOrder(code, arg, wide, holds, fail)
  }
  code.here(holds)
}

/** `&` and `==` on one half of an argument. */
function writeMasked(code: Assembler, offset: number, mask: number, datum: number, fail: Label): void {
  if (mask === 0) return
  code.load(offset)
  if (mask !== 0xffffffff) code.and(mask)
  code.branch('equal', (datum & mask) >>> 0, undefined, fail)
}

/** Less and greater: the high halves decide, the low ones where they are equal. */
function writeOrder(code: Assembler, { index, value, op }: Argument, wide: boolean, holds: Label, fail: Label): void {
  const offset = offsets.arguments + 8 * index
  const { high, low } = halves(value)
  const greater = op === 'SCMP_CMP_GT' || op === 'SCMP_CMP_GE'
  if (wide) {
    code.load(offset + 4)
    code.branch('greater', high, greater ? holds : fail)
    code.branch('equal', high, undefined, greater ? fail : holds)
  }
  code.load(offset)
  const condition = op === 'SCMP_CMP_GT' || op === 'SCMP_CMP_LE' ? 'greater' : 'atLeast'
  if (greater) code.branch(condition, low, undefined, fail)
  else code.branch(condition, low, fail)
}

function halves(value: number): { high: number; low: number } {
  return { high: Math.floor(value / 2 ** 32) >>> 0, low: value >>> 0 }
}
