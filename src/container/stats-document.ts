/** What Docker's API tells of a container's use of its host: its names, forms and units. Times of CPUs are nanoseconds. */
export interface StatsDocument {
  /** RFC 3339; the year 1 of a container that does not run. */
  readonly read: string
  /** When `precpu_stats` was read; the year 1: there is none. */
  readonly preread: string
  readonly pids_stats: {
    /** Processes and threads. */
    readonly current?: number
    readonly limit?: number
  }
  readonly blkio_stats: BlkioStats
  /** Of Windows. */
  readonly num_procs: 0
  readonly storage_stats: Readonly<Record<string, never>>
  readonly cpu_stats: CpuStats
  readonly precpu_stats: CpuStats
  readonly memory_stats: MemoryStats
  /** With a leading slash. */
  readonly name: string
  readonly id: string
  /** By interface; absent on the host's network, on none, and while it does not run. */
  readonly networks?: Readonly<Record<string, NetworkStats>>
}

export interface CpuStats {
  readonly cpu_usage: {
    readonly total_usage: number
    /** cgroup v1 only. */
    readonly percpu_usage?: readonly number[]
    readonly usage_in_kernelmode: number
    readonly usage_in_usermode: number
  }
  /** Of the whole host, idle time and all. */
  readonly system_cpu_usage?: number
  readonly online_cpus?: number
  readonly throttling_data: {
    readonly periods: number
    readonly throttled_periods: number
    readonly throttled_time: number
  }
}

export interface MemoryStats {
  /** Bytes, with what is cached of files. */
  readonly usage?: number
  /** cgroup v1 only. */
  readonly max_usage?: number
  /** The kernel's own names. */
  readonly stats?: Readonly<Record<string, number>>
  readonly failcnt?: number
  /** Bytes; the host's where there is no limit. */
  readonly limit?: number
}

export interface BlkioEntry {
  readonly major: number
  readonly minor: number
  /** `Read`, `Write` ... of cgroup v1, `read` and `write` of v2. */
  readonly op: string
  readonly value: number
}

/** null: nobody tells. */
export interface BlkioStats {
  readonly io_service_bytes_recursive: readonly BlkioEntry[] | null
  readonly io_serviced_recursive: readonly BlkioEntry[] | null
  readonly io_queue_recursive: readonly BlkioEntry[] | null
  readonly io_service_time_recursive: readonly BlkioEntry[] | null
  readonly io_wait_time_recursive: readonly BlkioEntry[] | null
  readonly io_merged_recursive: readonly BlkioEntry[] | null
  readonly io_time_recursive: readonly BlkioEntry[] | null
  readonly sectors_recursive: readonly BlkioEntry[] | null
}

export interface NetworkStats {
  readonly rx_bytes: number
  readonly rx_packets: number
  readonly rx_errors: number
  readonly rx_dropped: number
  readonly tx_bytes: number
  readonly tx_packets: number
  readonly tx_errors: number
  readonly tx_dropped: number
}

export const noCpu: CpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
}

export const noBlkio: BlkioStats = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
}
