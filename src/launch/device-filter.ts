import type { DeviceRule } from '../spec/types.js'

// eBPF as of bpf(2) and the kernel's Documentation/bpf/standardization/instruction-set: eight bytes an instruction.
const LOAD_WORD = 0x61
const AND = 0x54
const RIGHT_SHIFT = 0x74
const COPY = 0xbf
const SET = 0xb7
const JUMP_UNLESS_EQUAL = 0x55
const JUMP_UNLESS_EQUAL_REGISTER = 0x5d
const EXIT = 0x95

// struct bpf_cgroup_dev_ctx: access_type (access << 16 | type), major, minor. @see <linux/bpf.h>
const [result, context, type, access, major, minor, scratch] = [0, 1, 2, 3, 4, 5, 6] as const
const types = { b: 1, c: 2 } as const
const accesses = { m: 1, r: 2, w: 4 } as const
const every = accesses.m | accesses.r | accesses.w

/**
 * Compiles a device list to the eBPF program (type BPF_PROG_TYPE_CGROUP_DEVICE) that decides the same on cgroup v2: of the
 * rules that cover an access, the last one counts; what no rule covers is denied.
 */
export function compileDeviceFilter(rules: readonly DeviceRule[]): Uint8Array {
  const program = [
    instruction(LOAD_WORD, type, context, 0, 0),
    instruction(COPY, access, type, 0, 0),
    instruction(AND, type, 0, 0, 0xffff),
    instruction(RIGHT_SHIFT, access, 0, 0, 16),
    instruction(LOAD_WORD, major, context, 4, 0),
    instruction(LOAD_WORD, minor, context, 8, 0),
  ]
  for (const rule of rules.toReversed()) {
    program.push(...compileRule(rule))
    // What follows could not be reached, which the kernel's verifier refuses.
    if (coversAll(rule)) return Buffer.concat(program)
  }
  return Buffer.concat([...program, ...verdict(false)])
}

const verdict = (allow: boolean) => [instruction(SET, result, 0, 0, allow ? 1 : 0), instruction(EXIT, 0, 0, 0, 0)]

function compileRule(rule: DeviceRule): Buffer[] {
  const tests: Test[] = []
  if (rule.type === 'b' || rule.type === 'c') tests.push({ register: type, equals: types[rule.type] })
  const mask = accessMask(rule)
  if (mask !== every) tests.push({ mask })
  if (isNumber(rule.major)) tests.push({ register: major, equals: rule.major })
  if (isNumber(rule.minor)) tests.push({ register: minor, equals: rule.minor })
  const lengths = tests.map((test) => ('mask' in test ? 3 : 1))
  const end = verdict(rule.allow)
  let left = lengths.reduce((sum, length) => sum + length, end.length)
  const body = tests.flatMap((test, index) => {
    left -= lengths[index] as number
    return compileTest(test, left)
  })
  return [...body, ...end]
}

type Test = { readonly register: number; readonly equals: number } | { readonly mask: number }

/** Goes `otherwise` instructions ahead when the test fails. */
function compileTest(test: Test, otherwise: number): Buffer[] {
  if ('register' in test) return [instruction(JUMP_UNLESS_EQUAL, test.register, 0, otherwise, test.equals)]
  // Every kind of access that is asked for must be in the rule.
  return [
    instruction(COPY, scratch, access, 0, 0),
    instruction(AND, scratch, 0, 0, test.mask),
    instruction(JUMP_UNLESS_EQUAL_REGISTER, scratch, access, otherwise, 0),
  ]
}

const isNumber = (value: number | undefined): value is number => value !== undefined && value >= 0

const coversAll = (rule: DeviceRule) =>
  rule.type !== 'b' && rule.type !== 'c' && accessMask(rule) === every && !isNumber(rule.major) && !isNumber(rule.minor)

function accessMask({ access: letters }: DeviceRule): number {
  return [...letters].reduce((mask, letter) => mask | (accesses[letter as keyof typeof accesses] ?? 0), 0)
}

function instruction(code: number, target: number, source: number, offset: number, immediate: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt8(code, 0)
  bytes.writeUInt8(target | (source << 4), 1)
  bytes.writeInt16LE(offset, 2)
  bytes.writeInt32LE(immediate, 4)
  return bytes
}
