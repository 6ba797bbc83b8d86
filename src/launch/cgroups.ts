import type { DeviceRule, Resources } from '../spec/types.js'
import { compileDeviceFilter } from './device-filter.js'

/** One cgroup hierarchy of the host, and the engine's own parent directory in it. */
export interface Hierarchy {
  /** 1 or 2. */
  readonly version: 1 | 2
  /** The controllers mounted together (v1), or enabled (v2); `name=systemd` for a named hierarchy. */
  readonly controllers: readonly string[]
  /** The engine's parent on the host: containers get a directory of their own below it. */
  readonly parent: string
  /** Its name below /sys/fs/cgroup inside a container: `memory`, `cpu,cpuacct`, `systemd`. */
  readonly mountName: string
  /** The data argument of mounting it: `memory`, `none,name=systemd`. */
  readonly mountData: string
}

/** A value to be written to a file of a container's cgroup. */
export interface Knob {
  readonly path: string
  readonly value: string
  /** The kernel may lack the file. */
  readonly optional?: boolean
}

/** How everything in a container's cgroup is made to stand still, and to go on. */
export interface Freezer {
  readonly version: 1 | 2
  /** The knob, and what is written there. */
  readonly path: string
  readonly frozen: string
  readonly thawed: string
  /** The file, and the line in it, that tells that nothing moves any more. */
  readonly state: string
  readonly still: string
}

/** A container's directories in all hierarchies, and what is written there before it starts. */
export interface ContainerCgroups {
  readonly directories: readonly { readonly path: string; readonly join: string; readonly version: 1 | 2 }[]
  readonly knobs: readonly Knob[]
  /** Counts kills by the kernel for lack of memory; only where a memory limit makes one likely. */
  readonly oomCounter?: string
  /** The v2 directory that the process is born in. */
  readonly unified?: string
  readonly freezer?: Freezer
  /** The program that decides about devices there, where no v1 controller does. */
  readonly deviceFilter?: Uint8Array
}

/** The directories of container `id`. Pure: what exists is the supervisor's business. */
export function cgroupDirectories(
  hierarchies: readonly Pick<Hierarchy, 'version' | 'parent'>[],
  id: string,
): ContainerCgroups['directories'] {
  return hierarchies.map(({ version, parent }) => {
    const path = `${parent}/${id}`
    return { path, version, join: version === 1 ? `${path}/tasks` : `${path}/cgroup.procs` }
  })
}

/**
 * The freezer of container `id`: of version 2 where there is one, because what it has frozen can still be killed.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#core-interface-files "cgroup.freeze", and freezer-subsystem.rst
 */
export function freezerOf(
  hierarchies: readonly Pick<Hierarchy, 'version' | 'controllers' | 'parent'>[],
  id: string,
): Freezer | undefined {
  const unified = hierarchies.find(({ version }) => version === 2)
  if (unified) {
    const path = `${unified.parent}/${id}`
    const [frozen, thawed] = ['1', '0']
    return {
      version: 2,
      path: `${path}/cgroup.freeze`,
      frozen,
      thawed,
      state: `${path}/cgroup.events`,
      still: 'frozen 1',
    }
  }
  const legacy = hierarchies.find(({ controllers }) => controllers.includes('freezer'))
  const path = legacy && `${legacy.parent}/${id}/freezer.state`
  return path === undefined
    ? undefined
    : { version: 1, path, frozen: 'FROZEN', thawed: 'THAWED', state: path, still: 'FROZEN' }
}

/**
 * Compiles the resources of a spec into cgroup files.
 *
 * @param defaultDevices the device list of a container that brings none; on v1 it is inherited from the parent
 * @see cgroups(7), OCI config-linux "Control groups"
 */
export function compileCgroups(
  hierarchies: readonly Hierarchy[],
  id: string,
  resources: Resources,
  defaultDevices: readonly DeviceRule[],
): ContainerCgroups {
  const directories = cgroupDirectories(hierarchies, id)
  const find = (controller: string) => {
    const hierarchy = hierarchies.find(({ controllers }) => controllers.includes(controller))
    return hierarchy && { version: hierarchy.version, path: `${hierarchy.parent}/${id}` }
  }
  const knobs: Knob[] = []
  const set: Set = (controller, v1, v2, optional = false) => {
    const where = find(controller)
    if (!where) return
    for (const [file, value] of Object.entries(where.version === 1 ? v1 : v2))
      if (value !== undefined) knobs.push({ path: `${where.path}/${file}`, value, optional })
  }
  memoryKnobs(resources, set)
  cpuKnobs(resources, set)
  blockIoKnobs(resources, set)
  if (resources.pids) {
    const max = resources.pids.limit > 0 ? String(resources.pids.limit) : 'max'
    set('pids', { 'pids.max': max }, { 'pids.max': max })
  }
  const devices = find('devices')
  if (resources.devices && devices) knobs.push(...deviceKnobs(devices.path, resources.devices))

  const memory = resources.memory?.limit === undefined ? undefined : find('memory')
  const unified = directories.find(({ version }) => version === 2)
  const freezer = freezerOf(hierarchies, id)
  return {
    directories,
    knobs,
    ...(memory && { oomCounter: `${memory.path}/${memory.version === 1 ? 'memory.oom_control' : 'memory.events'}` }),
    ...(unified && { unified: unified.path }),
    ...(freezer && { freezer }),
    ...(unified && !devices && { deviceFilter: filterFor(resources.devices ?? defaultDevices) }),
  }
}

const filters = new WeakMap<readonly DeviceRule[], Uint8Array>()

function filterFor(rules: readonly DeviceRule[]): Uint8Array {
  const filter = filters.get(rules) ?? compileDeviceFilter(rules)
  filters.set(rules, filter)
  return filter
}

type Files = Readonly<Record<string, string | undefined>>
type Set = (controller: string, v1: Files, v2: Files, optional?: boolean) => void

const text = (value: number | undefined) => (value === undefined ? undefined : String(value))

function memoryKnobs({ memory }: Resources, set: Set): void {
  if (!memory) return
  const { limit, swap } = memory
  // v2 counts swap alone, v1 (and the specification) memory and swap together.
  const swapAlone = swap === undefined || limit === undefined ? undefined : swap < 0 ? 'max' : String(swap - limit)
  set(
    'memory',
    {
      'memory.limit_in_bytes': text(limit),
      'memory.soft_limit_in_bytes': text(memory.reservation),
      'memory.swappiness': text(memory.swappiness),
      'memory.oom_control': memory.disableOOMKiller ? '1' : undefined,
    },
    { 'memory.max': text(limit), 'memory.low': text(memory.reservation) },
  )
  // Kernels without swap accounting lack these; Docker warns and goes on.
  set('memory', { 'memory.memsw.limit_in_bytes': text(swap) }, { 'memory.swap.max': swapAlone }, true)
}

function cpuKnobs({ cpu }: Resources, set: Set): void {
  if (!cpu) return
  const max =
    cpu.quota === undefined && cpu.period === undefined
      ? undefined
      : `${cpu.quota && cpu.quota > 0 ? cpu.quota : 'max'} ${cpu.period ?? 100000}`
  set(
    'cpu',
    { 'cpu.shares': text(cpu.shares), 'cpu.cfs_period_us': text(cpu.period), 'cpu.cfs_quota_us': text(cpu.quota) },
    { 'cpu.weight': cpu.shares ? String(weight(cpu.shares)) : undefined, 'cpu.max': max },
  )
  set(
    'cpuset',
    { 'cpuset.cpus': cpu.cpus, 'cpuset.mems': cpu.mems },
    { 'cpuset.cpus': cpu.cpus, 'cpuset.mems': cpu.mems },
  )
}

/** v1 shares (2..262144) as a v2 weight (1..10000), linearly, as OCI runtimes convert it. */
const weight = (shares: number) => 1 + Math.floor(((Math.min(Math.max(shares, 2), 262144) - 2) * 9999) / 262142)

/** A file takes one device at a time: so many knobs of one name. */
function blockIoKnobs({ blockIO }: Resources, set: Set): void {
  if (!blockIO) return
  const { weight } = blockIO
  // Only some schedulers weigh; what the host's do not do is discarded, as Docker discards it.
  set('blkio', { 'blkio.weight': text(weight), 'blkio.bfq.weight': text(weight) }, {}, true)
  set(
    'io',
    {},
    { 'io.weight': weight === undefined ? undefined : `default ${ioWeight(weight)}`, 'io.bfq.weight': text(weight) },
    true,
  )
  for (const { major, minor, weight: own } of blockIO.weightDevice ?? []) {
    const line = `${major}:${minor} ${own}`
    set('blkio', { 'blkio.weight_device': line, 'blkio.bfq.weight_device': line }, {}, true)
    set('io', {}, { 'io.weight': `${major}:${minor} ${ioWeight(own)}`, 'io.bfq.weight': line }, true)
  }
  for (const [key, file, word] of throttleFiles)
    for (const { major, minor, rate } of blockIO[key] ?? []) {
      set('blkio', { [`blkio.throttle.${file}`]: `${major}:${minor} ${rate}` }, {})
      set('io', {}, { 'io.max': `${major}:${minor} ${word}=${rate === 0 ? 'max' : rate}` })
    }
}

const throttleFiles = [
  ['throttleReadBpsDevice', 'read_bps_device', 'rbps'],
  ['throttleWriteBpsDevice', 'write_bps_device', 'wbps'],
  ['throttleReadIOPSDevice', 'read_iops_device', 'riops'],
  ['throttleWriteIOPSDevice', 'write_iops_device', 'wiops'],
] as const

/** v1 weights (10..1000) as v2 ones (1..10000), linearly, as OCI runtimes convert them. */
const ioWeight = (weight: number) => 1 + Math.floor(((weight - 10) * 9999) / 990)

function deviceKnobs(path: string, rules: readonly DeviceRule[]): Knob[] {
  return rules.map((rule) => {
    const type = rule.type ?? 'a'
    const number = (value: number | undefined) => (value === undefined || value < 0 ? '*' : String(value))
    const value = type === 'a' ? 'a' : `${type} ${number(rule.major)}:${number(rule.minor)} ${rule.access}`
    return { path: `${path}/devices.${rule.allow ? 'allow' : 'deny'}`, value }
  })
}
