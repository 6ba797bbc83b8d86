import fc from 'fast-check'
import { expect, test } from 'vitest'
import docker28 from '../testdata/docker28-seccomp-verdicts.json' with { type: 'json' }
import type { Seccomp } from '../types.js'
import { compileSeccomp } from './compile.js'
import { defaultProfile } from './default-profile.js'
import { parseProfile, type SeccompProfile } from './profile.js'
import { resolveProfile } from './resolve.js'
import { type Abi, syscallNumbers } from './syscalls.js'

const auditArch = { x86_64: 0xc000003e, x32: 0xc000003e, i386: 0x40000003, aarch64: 0xc00000b7, arm: 0x40000028 }
const x32Bit = 0x40000000

/** Runs a filter as the kernel would, on struct seccomp_data; anything but what filters use is an error. */
function simulate(program: Uint8Array, arch: number, nr: number, args: readonly bigint[] = []): number {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength)
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, nr, true)
  data.setUint32(4, arch, true)
  args.forEach((arg, index) => {
    data.setBigUint64(16 + 8 * index, arg, true)
  })
  let accumulator = 0
  for (let at = 0; ; ) {
    const k = code.getUint32(at * 8 + 4, true)
    const jump = (taken: boolean) => 1 + code.getUint8(at * 8 + (taken ? 2 : 3))
    switch (code.getUint16(at * 8, true)) {
      case 0x20:
        accumulator = data.getUint32(k, true)
        at += 1
        break
      case 0x54:
        accumulator = (accumulator & k) >>> 0
        at += 1
        break
      case 0x05:
        at += 1 + k
        break
      case 0x15:
        at += jump(accumulator === k)
        break
      case 0x25:
        at += jump(accumulator > k)
        break
      case 0x35:
        at += jump(accumulator >= k)
        break
      case 0x06:
        return k
      default:
        throw new Error(`instruction ${at}`)
    }
  }
}

/** The oracle's words for a verdict. */
function word(verdict: number): string {
  if (verdict === 0x7fff0000) return 'ALLOW'
  return verdict >>> 16 === 5 ? `ERRNO(${verdict & 0xffff})` : verdict === 0 ? 'KILL' : verdict.toString(16)
}

// biome-ignore format: a table
const dockerCaps = [
  'CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP',
  'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE',
].map((name) => `CAP_${name}`)

const onX86 = (profile: SeccompProfile, caps = dockerCaps) =>
  compileSeccomp(resolveProfile(profile, { arch: 'x86_64', kernel: '6.1.0', caps }), 'x86_64')
const onArm = (profile: SeccompProfile) =>
  compileSeccomp(resolveProfile(profile, { arch: 'aarch64', kernel: '6.1.0', caps: dockerCaps }), 'aarch64')

const byDefault = onX86(defaultProfile)

function ask(program: Uint8Array, abi: Abi, call: string | number, ...args: bigint[]): string {
  const number = typeof call === 'number' ? call : syscallNumbers(abi).get(call)
  if (number === undefined) throw new Error(`${abi} has no ${call}`)
  return word(simulate(program, auditArch[abi], abi === 'x32' ? (number | x32Bit) >>> 0 : number, args))
}

function verdictsOf(abi: 'x86_64' | 'i386'): [call: string, verdict: string][] {
  const { ALLOW, DENY } = docker28[abi]
  const denied = Object.entries(DENY).flatMap(([verdict, calls]) =>
    calls.map((call) => [call, verdict] as [string, string]),
  )
  return [...ALLOW.map((call) => [call, 'ALLOW'] as [string, string]), ...denied]
}

const differences = (abi: 'x86_64' | 'i386') =>
  verdictsOf(abi).filter(([call, verdict]) => ask(byDefault, abi, call) !== verdict)

test.each(['x86_64', 'i386'] as const)('every %s system call gets the verdict that Docker 28 gives it', (abi) => {
  expect(verdictsOf(abi).length).toBeGreaterThan(350)
  expect(differences(abi)).toEqual([])
})

const conditional = (['x86_64', 'i386'] as const).flatMap((abi) =>
  Object.entries(docker28[abi].CONDITIONAL).flatMap(([call, cases]) =>
    Object.entries(cases).map(([arg, verdict]) => ({ abi, call, arg, verdict })),
  ),
)

test.each(conditional.filter(({ call, arg }) => call !== 'socket' || arg !== '0x26'))(
  '$abi $call($arg) gets $verdict, as from Docker 28',
  ({ abi, call, arg, verdict }) => {
    expect(ask(byDefault, abi, call, BigInt(arg))).toBe(verdict)
  },
)

test.each(['x86_64', 'i386', 'x32'] as const)(
  '%s sockets to the kernel’s crypto and the hypervisor are refused',
  (abi) => {
    const families = [0n, 1n, 2n, 10n, 16n, 37n, 38n, 39n, 40n, 41n, 45n]
    expect(families.filter((family) => ask(byDefault, abi, 'socket', family) !== 'ALLOW')).toEqual([38n, 40n])
  },
)

test('bits that the kernel ignores do not make another socket of AF_ALG', () => {
  expect(ask(byDefault, 'x86_64', 'socket', (1n << 32n) | 38n)).toBe('ERRNO(1)')
})

test.each(Object.entries(docker28.x32).filter(([call]) => Number.isNaN(Number(call))))(
  'x32 %s gets %s, as from Docker 28',
  (call, verdict) => {
    expect(ask(byDefault, 'x32', call)).toBe(verdict)
  },
)

test.each([512, 520])('x32’s own number %i is allowed, as by Docker 28', (number) => {
  expect(ask(byDefault, 'x32', number)).toBe('ALLOW')
})

test.each([451, 452, 453, 454, 467, 470, 500, 1000, 100_000])(
  'the number %i, which Docker 28 has no name for, gets what it gets there',
  (number) => {
    const known = docker28.x86_64.unknown as Record<string, string>
    expect(ask(byDefault, 'x86_64', number)).toBe(known[number] ?? 'ERRNO(38)')
  },
)

test('calls that the profile names and Docker 28’s libseccomp does not know are allowed', () => {
  const calls = ['statmount', 'listmount', 'mseal', 'getxattrat', 'removexattrat']
  expect(calls.map((call) => ask(byDefault, 'x86_64', call))).toEqual(calls.map(() => 'ALLOW'))
  expect(ask(byDefault, 'x86_64', 'lsm_get_self_attr')).toBe('ERRNO(1)')
})

test('a foreign architecture is killed', () => {
  expect(word(simulate(byDefault, auditArch.aarch64, 0))).toBe('KILL')
  expect(word(simulate(onArm(defaultProfile), auditArch.x86_64, 0))).toBe('KILL')
})

test('an interface that a profile leaves out is killed', () => {
  const only = onX86(
    parseProfile({ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86_64'], syscalls: [] }),
  )
  expect(ask(only, 'x86_64', 'read')).toBe('ALLOW')
  expect(ask(only, 'i386', 'read')).toBe('KILL')
  expect(ask(only, 'x32', 'read')).toBe('KILL')
})

test('on arm64 both its interfaces follow the same rules', () => {
  const program = onArm(defaultProfile)
  expect(ask(program, 'aarch64', 'openat')).toBe('ALLOW')
  expect(ask(program, 'aarch64', 'mount')).toBe('ERRNO(1)')
  expect(ask(program, 'aarch64', 'clone', 0x10000000n)).toBe('ERRNO(1)')
  expect(ask(program, 'aarch64', 'clone3')).toBe('ERRNO(38)')
  expect(ask(program, 'aarch64', 600)).toBe('ERRNO(38)')
  expect(ask(program, 'arm', 'set_tls')).toBe('ALLOW')
  expect(ask(program, 'arm', 'open')).toBe('ALLOW')
  expect(ask(program, 'arm', 'bpf')).toBe('ERRNO(1)')
})

test('a capability opens the calls that need it', () => {
  const admin = onX86(defaultProfile, [...dockerCaps, 'CAP_SYS_ADMIN'])
  expect(ask(admin, 'x86_64', 'mount')).toBe('ALLOW')
  expect(ask(admin, 'x86_64', 'clone', 0x10000000n)).toBe('ALLOW')
  expect(ask(admin, 'x86_64', 'clone3')).toBe('ALLOW')
  expect(ask(onX86(defaultProfile, []), 'x86_64', 'chroot')).toBe('ERRNO(1)')
})

test('the default filter is compiled once for equal containers', () => {
  expect(onX86(defaultProfile, [...dockerCaps])).toBe(byDefault)
})

test('the default filter is short: loading costs the kernel a fifth of a microsecond an instruction', () => {
  expect(byDefault.length / 8).toBeLessThan(400)
})

const profileOf = (op: string, value: number, valueTwo?: number): SeccompProfile => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [
    {
      names: ['lseek'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 1, value, op, ...(valueTwo !== undefined && { valueTwo }) }],
    },
  ],
})

const compare: Record<string, (arg: bigint, value: bigint, two: bigint) => boolean> = {
  SCMP_CMP_NE: (arg, value) => arg !== value,
  SCMP_CMP_LT: (arg, value) => arg < value,
  SCMP_CMP_LE: (arg, value) => arg <= value,
  SCMP_CMP_EQ: (arg, value) => arg === value,
  SCMP_CMP_GE: (arg, value) => arg >= value,
  SCMP_CMP_GT: (arg, value) => arg > value,
  SCMP_CMP_MASKED_EQ: (arg, value, two) => (arg & value) === (two & value),
}

const number = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1), fc.nat(8))

test.each(Object.keys(compare))('%s compares all 64 bits of an argument', (op) => {
  const argument = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), number.map(BigInt))
  fc.assert(
    fc.property(number, number, argument, fc.boolean(), (value, valueTwo, arg, equal) => {
      const actual = equal ? BigInt(value) : arg
      const expected = compare[op]?.(actual, BigInt(value), BigInt(valueTwo)) ? 'ALLOW' : 'ERRNO(1)'
      expect(ask(onX86(profileOf(op, value, valueTwo), []), 'x86_64', 'lseek', 0n, actual)).toBe(expected)
    }),
    { numRuns: 300 },
  )
})

test('conditions on different arguments must all hold; on the same one each is enough', () => {
  const args = (...pairs: [number, number][]) => pairs.map(([index, value]) => ({ index, value, op: 'SCMP_CMP_EQ' }))
  const rule = (list: ReturnType<typeof args>): SeccompProfile => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['lseek'], action: 'SCMP_ACT_ALLOW', args: list }],
  })
  expect(ask(onX86(rule(args([0, 1], [1, 2]))), 'x86_64', 'lseek', 1n, 2n)).toBe('ALLOW')
  expect(ask(onX86(rule(args([0, 1], [1, 2]))), 'x86_64', 'lseek', 1n, 3n)).toBe('ERRNO(1)')
  expect(ask(onX86(rule(args([0, 1], [0, 2]))), 'x86_64', 'lseek', 2n)).toBe('ALLOW')
})

test('jumps reach over more instructions than a conditional one can', () => {
  const args = (value: number) =>
    [0, 1, 2, 3, 4, 5].map((index) => ({ index, value: value + index, op: 'SCMP_CMP_EQ' }))
  const names = [...syscallNumbers('x86_64').keys()].slice(0, 40)
  const seccomp: Seccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: names.map((name, index) => ({ names: [name], action: 'SCMP_ACT_ALLOW', args: args(index * 2 ** 33) })),
  }
  const program = compileSeccomp(seccomp, 'x86_64')
  const exact = (index: number) => [0, 1, 2, 3, 4, 5].map((arg) => BigInt(index * 2 ** 33 + arg))
  expect(names.filter((name, index) => ask(program, 'x86_64', name, ...exact(index)) !== 'ALLOW')).toEqual([])
  expect(names.filter((name, index) => ask(program, 'x86_64', name, ...exact(index + 1)) === 'ALLOW')).toEqual([])
})

test('a profile that the kernel could not take is refused', () => {
  const rules = Array.from({ length: 1000 }, (_, value) => ({
    names: ['read'],
    action: 'SCMP_ACT_ALLOW' as const,
    args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
  }))
  const seccomp: Seccomp = { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64'], syscalls: rules }
  expect(() => compileSeccomp(seccomp, 'x86_64')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

test('a permissive profile leaves new system calls alone', () => {
  const program = onX86(
    parseProfile({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }],
    }),
  )
  expect(ask(program, 'x86_64', 'mkdir')).toBe('ERRNO(13)')
  expect(ask(program, 'x86_64', 1000)).toBe('ALLOW')
})
