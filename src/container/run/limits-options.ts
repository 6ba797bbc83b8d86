import type { RunOptions } from '../../spec/options.js'
import { NetworkOptions } from './network-options.js'

/** What it may do and use. */
export abstract class LimitOptions extends NetworkOptions {
  capAdd(...capabilities: readonly string[]): this {
    return this.add('capAdd', capabilities)
  }

  capDrop(...capabilities: readonly string[]): this {
    return this.add('capDrop', capabilities)
  }

  /** All capabilities and devices that the engine itself has, no seccomp, nothing masked. */
  privileged(privileged = true): this {
    return this.with({ privileged })
  }

  /** `no-new-privileges`, `seccomp=unconfined`, `seccomp=<profile as JSON>`, `systempaths=unconfined`. */
  securityOpt(...options: readonly string[]): this {
    return this.add('securityOpt', options)
  }

  /** Bytes, or a string such as `'64m'`; at least 6 MB. */
  memory(memory: number | string): this {
    return this.with({ memory })
  }

  /** Memory and swap together; -1: unlimited swap. Default: twice `memory`. */
  memorySwap(memorySwap: number | string): this {
    return this.with({ memorySwap })
  }

  memoryReservation(memoryReservation: number | string): this {
    return this.with({ memoryReservation })
  }

  /** 0 to 100: how readily its memory is swapped; -1: as the host's. cgroup v1 only. */
  memorySwappiness(memorySwappiness: number): this {
    return this.with({ memorySwappiness })
  }

  /** What exceeds its memory waits, instead of being killed. Needs `memory`. cgroup v1 only. */
  oomKillDisable(oomKillDisable = true): this {
    return this.with({ oomKillDisable })
  }

  /** -1000 to 1000. */
  oomScoreAdj(oomScoreAdj: number): this {
    return this.with({ oomScoreAdj })
  }

  /** How many CPUs' worth of time it may use, such as 1.5. */
  cpus(cpus: number | string): this {
    return this.with({ cpus })
  }

  /** Relative weight; the default is 1024. */
  cpuShares(cpuShares: number): this {
    return this.with({ cpuShares })
  }

  /** Microseconds. */
  cpuPeriod(cpuPeriod: number): this {
    return this.with({ cpuPeriod })
  }

  /** Microseconds in each period. */
  cpuQuota(cpuQuota: number): this {
    return this.with({ cpuQuota })
  }

  /** Such as `'0-2,4'`. */
  cpusetCpus(cpusetCpus: string): this {
    return this.with({ cpusetCpus })
  }

  cpusetMems(cpusetMems: string): this {
    return this.with({ cpusetMems })
  }

  /** How many processes and threads it may have; -1: any number. */
  pidsLimit(pidsLimit: number): this {
    return this.with({ pidsLimit })
  }

  /** Relative weight of its block I/O, 10 to 1000. Where the kernel's scheduler has none, it is of no effect. */
  blkioWeight(blkioWeight: number): this {
    return this.with({ blkioWeight })
  }

  /** `'/dev/sda:200'`, or an object: the weight on one device. */
  blkioWeightDevice(...devices: NonNullable<RunOptions['blkioWeightDevice']>): this {
    return this.add('blkioWeightDevice', devices)
  }

  /** `'/dev/sda:1mb'`, or an object: at most so many bytes a second are read from the device. */
  deviceReadBps(...devices: NonNullable<RunOptions['deviceReadBps']>): this {
    return this.add('deviceReadBps', devices)
  }

  /** Likewise of writing. */
  deviceWriteBps(...devices: NonNullable<RunOptions['deviceWriteBps']>): this {
    return this.add('deviceWriteBps', devices)
  }

  /** `'/dev/sda:1000'`, or an object: at most so many reads a second. */
  deviceReadIops(...devices: NonNullable<RunOptions['deviceReadIops']>): this {
    return this.add('deviceReadIops', devices)
  }

  /** Likewise of writes. */
  deviceWriteIops(...devices: NonNullable<RunOptions['deviceWriteIops']>): this {
    return this.add('deviceWriteIops', devices)
  }

  /** `'c 13:* rmw'`: further devices that it may use, and make nodes of. */
  deviceCgroupRule(...rules: readonly string[]): this {
    return this.add('deviceCgroupRule', rules)
  }

  /** The cgroup that its own is made in, from the root of each hierarchy; made where it is missing, and left there. */
  cgroupParent(cgroupParent: string): this {
    return this.with({ cgroupParent })
  }

  /** `'nofile=1024:2048'`, or an object. */
  ulimit(...limits: NonNullable<RunOptions['ulimit']>): this {
    return this.add('ulimit', limits)
  }

  /** Namespaced kernel parameters. */
  sysctl(sysctls: Readonly<Record<string, string>>): this {
    return this.add(
      'sysctl',
      Object.entries(sysctls).map(([name, value]) => `${name}=${value}`),
    )
  }

  /** `'host'`: the host's processes; `'container:NAME'`: those of a running container. */
  pid(pid: string): this {
    return this.with({ pid })
  }

  /**
   * `'private'` (the default), `'shareable'` (others may join it), `'none'` (and no /dev/shm), `'host'`, or
   * `'container:NAME'`: that of a running one which is shareable, with its /dev/shm.
   */
  ipc(ipc: string): this {
    return this.with({ ipc })
  }

  /** `'host'`: the host's name. */
  uts(uts: string): this {
    return this.with({ uts })
  }

  cgroupns(cgroupns: 'private' | 'host'): this {
    return this.with({ cgroupns })
  }
}
