import type { ContainerCgroup } from './context.js'
import { type BlkioEntry, type BlkioStats, type CpuStats, type MemoryStats, noBlkio, noCpu } from './stats-document.js'

/** The text of a file; '' when there is none. */
export type ReadFile = (path: string) => string

export interface CgroupStats {
  readonly cpu: CpuStats
  readonly memory: MemoryStats
  readonly pids: { readonly current?: number; readonly limit?: number }
  readonly blkio: BlkioStats
}

/**
 * What a container's cgroups tell, in Docker's forms, whichever versions they are of.
 *
 * @param memoryBytes the host's
 * @see Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel
 */
export function readCgroups(cgroups: readonly ContainerCgroup[], memoryBytes: number, read: ReadFile): CgroupStats {
  const find = (...controllers: readonly string[]) =>
    cgroups.find((cgroup) => controllers.some((controller) => cgroup.controllers.includes(controller)))
  return {
    cpu: cpuStats(find('cpuacct'), find('cpu'), read),
    memory: memoryStats(find('memory'), memoryBytes, read),
    pids: pidsStats(find('pids'), read),
    blkio: blkioStats(find('blkio', 'io'), read),
  }
}

function cpuStats(account: ContainerCgroup | undefined, cpu: ContainerCgroup | undefined, read: ReadFile): CpuStats {
  if (cpu?.version === 2) return unifiedCpu(pairs(read(`${cpu.path}/cpu.stat`)))
  const stat = cpu ? pairs(read(`${cpu.path}/cpu.stat`)) : {}
  const throttling_data = {
    periods: stat.nr_periods ?? 0,
    throttled_periods: stat.nr_throttled ?? 0,
    throttled_time: stat.throttled_time ?? 0,
  }
  if (!account) return { ...noCpu, throttling_data }
  const ticks = pairs(read(`${account.path}/cpuacct.stat`))
  return {
    cpu_usage: {
      total_usage: number(read(`${account.path}/cpuacct.usage`)),
      percpu_usage: words(read(`${account.path}/cpuacct.usage_percpu`)).map(Number),
      usage_in_kernelmode: (ticks.system ?? 0) * tickNs,
      usage_in_usermode: (ticks.user ?? 0) * tickNs,
    },
    throttling_data,
  }
}

/** The kernel tells ticks as hundredths of a second, whatever it counts in. */
const tickNs = 10_000_000

function unifiedCpu(stat: Readonly<Record<string, number>>): CpuStats {
  const ns = (name: string) => (stat[name] ?? 0) * 1000
  return {
    cpu_usage: {
      total_usage: ns('usage_usec'),
      usage_in_kernelmode: ns('system_usec'),
      usage_in_usermode: ns('user_usec'),
    },
    throttling_data: {
      periods: stat.nr_periods ?? 0,
      throttled_periods: stat.nr_throttled ?? 0,
      throttled_time: ns('throttled_usec'),
    },
  }
}

function memoryStats(cgroup: ContainerCgroup | undefined, memoryBytes: number, read: ReadFile): MemoryStats {
  if (!cgroup) return {}
  const { path, version } = cgroup
  const [usageFile, limitFile] =
    version === 1 ? ['memory.usage_in_bytes', 'memory.limit_in_bytes'] : ['memory.current', 'memory.max']
  const limit = read(`${path}/${limitFile}`).trim()
  const failcnt =
    version === 1 ? number(read(`${path}/memory.failcnt`)) : (pairs(read(`${path}/memory.events`)).oom ?? 0)
  const stat = pairs(read(`${path}/memory.stat`))
  const named = (version === 1 ? legacyMemory : unifiedMemory).map((name) => [name, stat[name] ?? 0])
  return {
    usage: number(read(`${path}/${usageFile}`)),
    ...(version === 1 && { max_usage: number(read(`${path}/memory.max_usage_in_bytes`)) }),
    stats: Object.fromEntries(named),
    ...(failcnt > 0 && { failcnt }),
    limit: limit === '' || limit === 'max' ? memoryBytes : Math.min(Number(limit), memoryBytes),
  }
}

function pidsStats(cgroup: ContainerCgroup | undefined, read: ReadFile): CgroupStats['pids'] {
  if (!cgroup) return {}
  const limit = number(read(`${cgroup.path}/pids.max`))
  return { current: number(read(`${cgroup.path}/pids.current`)), ...(limit > 0 && { limit }) }
}

function blkioStats(cgroup: ContainerCgroup | undefined, read: ReadFile): BlkioStats {
  if (!cgroup) return noBlkio
  const { path, version } = cgroup
  if (version === 2) return { ...noBlkio, io_service_bytes_recursive: unifiedIo(read(`${path}/io.stat`)) }
  // Which scheduler a disk has decides who counts; the throttling always does.
  for (const family of ['', 'bfq.']) {
    const stats = legacyIo((name) => read(`${path}/blkio.${family}${name}`))
    if (Object.values(stats).some((entries) => entries !== null && entries.length > 0)) return stats
  }
  const none = legacyIo(() => '')
  return {
    ...none,
    io_service_bytes_recursive: ioEntries(read(`${path}/blkio.throttle.io_service_bytes_recursive`)),
    io_serviced_recursive: ioEntries(read(`${path}/blkio.throttle.io_serviced_recursive`)),
  }
}

function legacyIo(read: ReadFile): BlkioStats {
  return {
    io_service_bytes_recursive: ioEntries(read('io_service_bytes_recursive')),
    io_serviced_recursive: ioEntries(read('io_serviced_recursive')),
    io_queue_recursive: ioEntries(read('io_queued_recursive')),
    io_service_time_recursive: ioEntries(read('io_service_time_recursive')),
    io_wait_time_recursive: ioEntries(read('io_wait_time_recursive')),
    io_merged_recursive: ioEntries(read('io_merged_recursive')),
    io_time_recursive: ioEntries(read('time_recursive')),
    sectors_recursive: ioEntries(read('sectors_recursive')),
  }
}

/** `8:0 Read 4096`, or without a word where there is one kind only; the sum at the end does not count. */
function ioEntries(text: string): BlkioEntry[] {
  return [...text.matchAll(/^(\d+):(\d+) (?:([A-Za-z]+) )?(\d+)$/gm)].map(([, major, minor, op = '', value]) => ({
    major: Number(major),
    minor: Number(minor),
    op,
    value: Number(value),
  }))
}

/** `8:0 rbytes=4096 wbytes=0 rios=1 ...` */
function unifiedIo(text: string): BlkioEntry[] {
  return [...text.matchAll(/^(\d+):(\d+) (.*)$/gm)].flatMap(([, major, minor, rest = '']) => {
    const device = { major: Number(major), minor: Number(minor) }
    const bytes = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(rest)?.[1] ?? 0)
    return [
      { ...device, op: 'read', value: bytes('rbytes') },
      { ...device, op: 'write', value: bytes('wbytes') },
    ]
  })
}

/** Lines of a name and a number. */
function pairs(text: string): Record<string, number> {
  return Object.fromEntries([...text.matchAll(/^(\S+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]))
}

const words = (text: string) => text.split(/\s+/).filter(Boolean)

/** 0 for `max`, and for what is not there. */
const number = (text: string) => Number(text) || 0

// What Docker tells of memory.stat.
const counted = [
  'active_anon',
  'active_file',
  'cache',
  'dirty',
  'inactive_anon',
  'inactive_file',
  'mapped_file',
  'pgfault',
  'pgmajfault',
  'pgpgin',
  'pgpgout',
  'rss',
  'rss_huge',
  'unevictable',
  'writeback',
]

const legacyMemory = [
  ...counted,
  ...counted.map((name) => `total_${name}`),
  'hierarchical_memory_limit',
  'hierarchical_memsw_limit',
].sort()

const unifiedMemory = [
  'active_anon',
  'active_file',
  'anon',
  'anon_thp',
  'file',
  'file_dirty',
  'file_mapped',
  'file_writeback',
  'inactive_anon',
  'inactive_file',
  'kernel_stack',
  'pgactivate',
  'pgdeactivate',
  'pgfault',
  'pglazyfree',
  'pglazyfreed',
  'pgmajfault',
  'pgrefill',
  'pgscan',
  'pgsteal',
  'shmem',
  'slab',
  'slab_reclaimable',
  'slab_unreclaimable',
  'sock',
  'thp_collapse_alloc',
  'thp_fault_alloc',
  'unevictable',
  'workingset_activate',
  'workingset_nodereclaim',
  'workingset_refault',
]
