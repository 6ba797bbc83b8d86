import { deepFreeze, getOrMake } from '../records.js'
import type { Seccomp, SeccompRule } from '../types.js'
import { defaultProfile } from './default-profile.js'
import type { SeccompCondition, SeccompProfile } from './profile.js'

/** A machine that inboard runs on, by the kernel's name. */
export type Architecture = 'x86_64' | 'aarch64'

export interface SeccompContext {
  readonly arch: Architecture
  /** The container's bounding set, by name. */
  readonly caps: readonly string[]
  /** The running kernel's version, as `uname -r` has it. */
  readonly kernel: string
}

const goNames = { x86_64: 'amd64', aarch64: 'arm64' } as const
const seccompNames = { x86_64: 'SCMP_ARCH_X86_64', aarch64: 'SCMP_ARCH_AARCH64' } as const

const resolvedDefaults = new Map<string, Seccomp>()

/**
 * What of a profile holds for a container on a machine, as the runtime specification has it. The default profile's results
 * are kept, so that equal containers share one, and one compiled filter.
 */
export function resolveProfile(profile: SeccompProfile, context: SeccompContext): Seccomp {
  if (profile !== defaultProfile) return resolve(profile, context)
  const key = `${context.arch} ${context.kernel} ${context.caps.join()}`
  return getOrMake(resolvedDefaults, key, () => resolve(profile, context))
}

function resolve(profile: SeccompProfile, context: SeccompContext): Seccomp {
  const { defaultAction, defaultErrnoRet } = profile
  return deepFreeze({
    defaultAction,
    ...(defaultErrnoRet !== undefined && { defaultErrnoRet }),
    architectures: architecturesOf(profile, context.arch),
    syscalls: profile.syscalls
      .filter(({ includes, excludes }) => includesHold(includes, context) && !excludesHold(excludes, context))
      .map(({ includes: _, excludes: __, ...rule }): SeccompRule => rule),
  })
}

function architecturesOf({ architectures, archMap }: SeccompProfile, arch: Architecture): readonly string[] {
  if (architectures && architectures.length > 0) return architectures
  const native = seccompNames[arch]
  const entry = archMap?.find(({ architecture }) => architecture === native)
  return [native, ...(entry?.subArchitectures ?? [])]
}

/** All that is named must be there. */
function includesHold(condition: SeccompCondition | undefined, { arch, caps, kernel }: SeccompContext): boolean {
  const { arches, caps: needed, minKernel } = condition ?? {}
  return (
    (!arches?.length || arches.includes(goNames[arch])) &&
    (needed ?? []).every((cap) => caps.includes(cap)) &&
    (minKernel === undefined || reaches(kernel, minKernel))
  )
}

/** One of what is named is enough. */
function excludesHold(condition: SeccompCondition | undefined, { arch, caps, kernel }: SeccompContext): boolean {
  const { arches = [], caps: excluded = [], minKernel } = condition ?? {}
  return (
    arches.includes(goNames[arch]) ||
    excluded.some((cap) => caps.includes(cap)) ||
    (minKernel !== undefined && reaches(kernel, minKernel))
  )
}

function reaches(kernel: string, least: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10) || 0)
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number)
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
}
