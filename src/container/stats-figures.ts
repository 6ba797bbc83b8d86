import type { StatsDocument } from './stats-document.js'

/** What a container uses of its host, as `docker stats` shows it. */
export interface ContainerStats {
  readonly id: string
  readonly name: string
  /** When it was measured; undefined of a container that does not run: then all is 0. */
  readonly readAt: Date | undefined
  /** Since the measurement before, of one CPU: two that are busy are 200. 0 without a measurement before. */
  readonly cpuPercent: number
  /** Bytes, without cached files that nobody has used lately. */
  readonly memoryUsage: number
  /** Bytes; the host's memory where there is no limit. */
  readonly memoryLimit: number
  readonly memoryPercent: number
  /** Bytes, of all its interfaces, since they are there. */
  readonly netRx: number
  readonly netTx: number
  /** Bytes, of all devices, since it was started. */
  readonly blockRead: number
  readonly blockWrite: number
  /** Processes and threads. */
  readonly pids: number
  /** Docker's document, which all of this is computed from. */
  readonly document: StatsDocument
}

/** Docker's client's arithmetic. */
export function figuresOf(document: StatsDocument): ContainerStats {
  const { id, name, read, memory_stats: memory, networks = {}, pids_stats } = document
  const memoryUsage = usageWithoutCache(memory)
  const memoryLimit = memory.limit ?? 0
  const interfaces = Object.values(networks)
  return {
    id,
    name: name.slice(1),
    readAt: read.startsWith('0001') ? undefined : new Date(read),
    cpuPercent: cpuPercent(document),
    memoryUsage,
    memoryLimit,
    memoryPercent: memoryLimit === 0 ? 0 : (memoryUsage / memoryLimit) * 100,
    netRx: sum(interfaces.map(({ rx_bytes }) => rx_bytes)),
    netTx: sum(interfaces.map(({ tx_bytes }) => tx_bytes)),
    blockRead: blockBytes(document, 'r'),
    blockWrite: blockBytes(document, 'w'),
    pids: pids_stats.current ?? 0,
    document,
  }
}

function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsDocument): number {
  if (before.system_cpu_usage === undefined) return 0
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage
  const passed = (now.system_cpu_usage ?? 0) - before.system_cpu_usage
  const cpus = now.online_cpus ?? now.cpu_usage.percpu_usage?.length ?? 0
  return used > 0 && passed > 0 ? (used / passed) * cpus * 100 : 0
}

/** cgroup v1 has a counter of the whole subtree beside that of the cgroup itself. */
function usageWithoutCache({ usage = 0, stats = {} }: StatsDocument['memory_stats']): number {
  const cached = stats.total_inactive_file ?? stats.inactive_file ?? 0
  return cached < usage ? usage - cached : usage
}

function blockBytes({ blkio_stats }: StatsDocument, operation: 'r' | 'w'): number {
  const entries = blkio_stats.io_service_bytes_recursive ?? []
  return sum(entries.filter(({ op }) => op.toLowerCase().startsWith(operation)).map(({ value }) => value))
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)
