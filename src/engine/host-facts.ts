import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, hostname, release } from 'node:os'
import { UnsupportedHostError } from '../errors/index.js'
import { engineLimits, initExecutablePath, readTextFile } from '../host/index.js'
import type { HostFacts, HostLimits } from '../spec/index.js'
import { compact } from '../spec/records.js'

const architectures = { x64: 'x86_64', arm64: 'aarch64' } as const

/** What the engine knows about its host and itself, read once. @throws {UnsupportedHostError} on an architecture without tables */
export function gatherHostFacts(): HostFacts & HostLimits {
  const arch = architectures[process.arch as keyof typeof architectures]
  if (!arch)
    throw new UnsupportedHostError(`inboard runs on x86-64 and arm64, not on ${process.arch}`, {
      code: 'UNSUPPORTED_HOST',
      details: { feature: 'architecture', hint: 'use a machine with an x86-64 or arm64 processor' },
    })
  const { capabilities, rlimits } = engineLimits()
  return {
    capabilities: capabilities.permitted & capabilities.bounding,
    arch,
    kernel: release(),
    hostname: hostname(),
    cgroupNamespaces: existsSync('/proc/self/ns/cgroup'),
    hardLimits: Object.fromEntries(
      Object.entries(rlimits).map(([name, { hard }]) => [name, Number.isFinite(hard) ? hard : -1]),
    ),
    oomScoreAdj: Number(readFileSync('/proc/self/oom_score_adj', 'utf8')),
    initPath: initExecutablePath(),
    cpus: availableParallelism(),
    ...compact({ cpuList: online('cpu'), memoryNodes: online('node') }),
  }
}

/** Which processors or memory nodes there are, as the kernel lists them; undefined: it does not tell. */
const online = (kind: 'cpu' | 'node') => readTextFile(`/sys/devices/system/${kind}/online`)?.trim()
