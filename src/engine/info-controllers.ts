import { existsSync } from 'node:fs'
import type { CgroupLayout } from '../host/index.js'

/** Which limits the host's cgroups have. */
export interface Controllers {
  readonly MemoryLimit: boolean
  readonly SwapLimit: boolean
  readonly CpuCfsPeriod: boolean
  readonly CpuCfsQuota: boolean
  readonly CPUShares: boolean
  readonly CPUSet: boolean
  readonly PidsLimit: boolean
  readonly OomKillDisable: boolean
  readonly CgroupDriver: 'cgroupfs'
  /** `'1'` also where a version 2 without controllers is beside it. */
  readonly CgroupVersion: '1' | '2'
}

const warnings: readonly (readonly [keyof Controllers, string])[] = [
  ['MemoryLimit', 'WARNING: No memory limit support'],
  ['SwapLimit', 'WARNING: No swap limit support'],
  ['CpuCfsPeriod', 'WARNING: No cpu cfs period support'],
  ['CpuCfsQuota', 'WARNING: No cpu cfs quota support'],
  ['CPUShares', 'WARNING: No cpu shares support'],
  ['CPUSet', 'WARNING: No cpuset support'],
  ['PidsLimit', 'WARNING: No pids limit support'],
]

export function controllersOf(
  { kind, hierarchies }: CgroupLayout,
  exists: (path: string) => boolean = existsSync,
): { readonly controllers: Controllers; readonly warnings: readonly string[] } {
  const find = (controller: string) => hierarchies.find(({ controllers }) => controllers.includes(controller))
  const memory = find('memory')
  const cpu = find('cpu')
  const isLegacy = memory?.version === 1
  // Of version 2 the root cgroup has none of its own; whoever counts swap there lets it be limited.
  const swap = isLegacy ? exists(`${memory.mountpoint}/memory.memsw.limit_in_bytes`) : exists('/proc/swaps')
  const quota = cpu !== undefined && (cpu.version === 2 || exists(`${cpu.mountpoint}/cpu.cfs_quota_us`))
  const controllers: Controllers = {
    MemoryLimit: memory !== undefined,
    SwapLimit: memory !== undefined && swap,
    CpuCfsPeriod: quota,
    CpuCfsQuota: quota,
    CPUShares: cpu !== undefined,
    CPUSet: find('cpuset') !== undefined,
    PidsLimit: find('pids') !== undefined,
    OomKillDisable: isLegacy,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: kind === 'v2' ? '2' : '1',
  }
  return { controllers, warnings: warnings.flatMap(([name, text]) => (controllers[name] ? [] : [text])) }
}
