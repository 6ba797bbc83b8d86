import { expect, test } from 'vitest'
import { parseProfile } from './profile.js'
import { resolveProfile } from './resolve.js'

const context = { arch: 'x86_64', kernel: '5.10.3-generic', caps: ['CAP_CHOWN'] } as const
const rule = (more: object) => ({ names: ['mkdir'], action: 'SCMP_ACT_ALLOW', ...more })
const profile = (...syscalls: object[]) => ({ defaultAction: 'SCMP_ACT_ERRNO', syscalls })

test('a profile is read from text, with what it does not know left out', () => {
  const text = `{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"x":1,"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],
    "syscalls":[{"name":"read","action":"SCMP_ACT_ALLOW","args":[],"comment":"c","includes":{},"excludes":{"caps":["CAP_SYS_ADMIN"]}}]}`
  expect(parseProfile(text)).toEqual({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', includes: {}, excludes: { caps: ['CAP_SYS_ADMIN'] } }],
  })
})

test.each([
  ['{"a":', 'correct its syntax'],
  ['/etc/profile.json', 'give the profile itself'],
  [[], 'has something else as the profile'],
  [null, 'has something else as the profile'],
  [{}, 'unknown defaultAction: undefined'],
  [{ defaultAction: 'ALLOW' }, 'unknown defaultAction: ALLOW'],
  [{ defaultAction: 'SCMP_ACT_NOTIFY', syscalls: [] }, 'unknown defaultAction: SCMP_ACT_NOTIFY'],
  [profile({ action: 'SCMP_ACT_ALLOW' }), 'has a rule without names'],
  [profile({ name: 'a', names: ['b'], action: 'SCMP_ACT_ALLOW' }), "'name' and 'names' were specified"],
  [profile(rule({ action: 'x' })), 'unknown action of mkdir: x'],
  [profile(rule({ args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] })), 'give an integer from 0 to 5'],
  [profile(rule({ args: [{ index: 0, value: 2 ** 60, op: 'SCMP_CMP_EQ' }] })), 'give an integer from 0'],
  [profile(rule({ args: [{ index: 0, value: 0, op: 'EQ' }] })), 'has an unknown op EQ'],
  [profile(rule({ errnoRet: 70_000 })), 'give an integer from 0 to 65535'],
  [profile(rule({ includes: { minKernel: 'x' } })), 'has an invalid minKernel x'],
  [profile(rule({ includes: { caps: 'CAP_CHOWN' } })), 'has something else as caps'],
  [
    { ...profile(), architectures: ['SCMP_ARCH_X86'], archMap: [{ architecture: 'a' }] },
    "'architectures' and 'archMap'",
  ],
])('the profile %j is refused', (input, message) => {
  expect(() => parseProfile(input)).toThrow(message)
  expect(() => parseProfile(input)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

test.each([
  [{}, true],
  [{ includes: { caps: ['CAP_CHOWN'] } }, true],
  [{ includes: { caps: ['CAP_CHOWN', 'CAP_BPF'] } }, false],
  [{ excludes: { caps: ['CAP_CHOWN', 'CAP_BPF'] } }, false],
  [{ excludes: { caps: ['CAP_BPF'] } }, true],
  [{ includes: { arches: ['arm64', 'amd64'] } }, true],
  [{ includes: { arches: ['arm64'] } }, false],
  [{ excludes: { arches: ['amd64'] } }, false],
  [{ includes: { minKernel: '4.8' } }, true],
  [{ includes: { minKernel: '5.10' } }, true],
  [{ includes: { minKernel: '5.11' } }, false],
  [{ excludes: { minKernel: '5.9' } }, false],
])('a rule with %j counts: %s', (conditions, counts) => {
  const { syscalls } = resolveProfile(parseProfile(profile(rule(conditions))), context)
  expect(syscalls).toEqual(counts ? [rule({})] : [])
})

test('the architectures are the given ones, the map’s, or the machine’s own', () => {
  const of = (more: object) => resolveProfile(parseProfile({ ...profile(), ...more }), context).architectures
  expect(of({})).toEqual(['SCMP_ARCH_X86_64'])
  expect(of({ architectures: ['SCMP_ARCH_X86'] })).toEqual(['SCMP_ARCH_X86'])
  const archMap = [
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X32'] },
  ]
  expect(of({ archMap })).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X32'])
})
