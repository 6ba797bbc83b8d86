import {
  type Health,
  type ModeName,
  netlinkSockets,
  PlanWriter,
  type RestartPolicy,
  stdioFlags,
  stdioKinds,
  targetFlags,
} from '../../src/launch/protocol.gen.js'

const MS_RDONLY = 1
const MS_NOSUID = 2
const MS_NODEV = 4
const MS_NOEXEC = 8
const MS_REC = 16384
const MS_PRIVATE = 1 << 18
const MS_STRICTATIME = 1 << 24
const guarded = MS_NOSUID | MS_NODEV | MS_NOEXEC
/** NEWNS, NEWPID, NEWUTS, NEWIPC */
const namespaces = 0x00020000 | 0x20000000 | 0x04000000 | 0x08000000
const newCgroup = 0x02000000
const dockerCapabilities = 0xa80425fb
const S_IFCHR = 0o020000

export interface ContainerPlan {
  /** Holds `u`, `w`, `m`, `etc/`: the writable layer and the mount point. */
  readonly directory: string
  readonly runDirectory?: string
  readonly lowerdir: string
  readonly cgroups: readonly { readonly hierarchy: string; readonly path: string }[]
  readonly argv: readonly string[]
  readonly env?: readonly string[]
  readonly log?: string
  readonly stdio?: { readonly kind: keyof typeof stdioKinds; readonly flags: readonly (keyof typeof stdioFlags)[] }
  readonly uid?: number
  readonly seccomp?: Uint8Array
  /** False: the host's network namespace. */
  readonly network?: boolean
  /** Made beside the mounts, once the network namespace and its loopback are there. */
  readonly beside?: (plan: PlanWriter) => void
  readonly ending?: (plan: PlanWriter) => void
  /** What checks its health; without a timeout or failures that count, unless they are given. */
  readonly health?: { readonly argv: readonly string[]; readonly interval: number } & Partial<Health>
  readonly restart?: RestartPolicy
  /** It does not outlive the connection that it is started with. */
  readonly isBound?: boolean
  readonly mask?: readonly string[]
  readonly workingDirectory?: string
  readonly extra?: (plan: PlanWriter) => void
  /** Before the pivot, in a mount namespace that is private. */
  readonly entrance?: (plan: PlanWriter) => void
  readonly fault?: { readonly faultStep: number; readonly faultKind: 1 | 2 }
}

const devices: readonly [string, number, number][] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
]
const links: readonly [string, string][] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['/proc/kcore', '/dev/core'],
  ['pts/ptmx', '/dev/ptmx'],
]
const masked = [
  ...[
    'asound',
    'acpi',
    'interrupts',
    'kcore',
    'keys',
    'latency_stats',
    'timer_list',
    'timer_stats',
    'sched_debug',
    'scsi',
  ].map((name) => `/proc/${name}`),
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

function prepare(plan: PlanWriter, options: ContainerPlan): void {
  const { kind, flags } = options.stdio ?? { kind: 'pipes', flags: ['attached'] }
  plan.section('prepare')
  if (options.isBound) plan.lifeline()
  if (options.runDirectory) plan.runDirectory({ path: options.runDirectory })
  for (const { path } of options.cgroups) plan.makeDirectory({ path, mode: 0o755, existOk: 0 })
  for (const { hierarchy, path } of options.cgroups) {
    if (hierarchy === 'memory')
      plan.writeKnob({ path: `${path}/memory.limit_in_bytes`, value: '268435456', optional: 0 })
    if (hierarchy === 'cpu') plan.writeKnob({ path: `${path}/cpu.cfs_quota_us`, value: '200000', optional: 0 })
    if (hierarchy === 'pids') plan.writeKnob({ path: `${path}/pids.max`, value: '100', optional: 0 })
  }
  const memory = options.cgroups.find(({ hierarchy }) => hierarchy === 'memory')
  if (memory) plan.oomCounter({ path: `${memory.path}/memory.oom_control` })
  const freezer = options.cgroups.find(({ hierarchy }) => hierarchy === 'freezer')
  if (freezer) plan.freezer({ path: `${freezer.path}/freezer.state`, frozen: 'FROZEN', thawed: 'THAWED' })
  if (options.log)
    plan.openLog({ path: options.log, mode: 0o640, format: 0, maximumBytes: 0, files: 1, compress: 0, attributes: '' })
  plan.stdio({
    kind: stdioKinds[kind],
    flags: flags.reduce((all, flag) => all | stdioFlags[flag], 0),
    rows: 24,
    columns: 80,
    slotIn: 0,
    slotOut: 1,
    slotErr: 2,
  })
  plan.clone({ flags: namespaces, cgroup: '' })
  if (options.network === false) return
  plan.section('beside')
  plan.networkNamespace()
  writeBatch(plan, 'container', loopbackUp())
  options.beside?.(plan)
  plan.release()
}

/** What the supervisor puts into a batch. */
export interface Filling {
  readonly slot?: number
  readonly link?: string
  readonly linkAt?: readonly number[]
  readonly namespaceAt?: number
}

const nowhere = 0xffffffff

/** One batch of netlink messages. */
export function writeBatch(
  plan: PlanWriter,
  socket: keyof typeof netlinkSockets,
  messages: Uint8Array,
  { slot = 0, link = '', linkAt = [], namespaceAt = nowhere }: Filling = {},
): void {
  const offsets = new Uint8Array(Uint32Array.from(linkAt).buffer)
  plan.netlink({ socket: netlinkSockets[socket], slot, messages, link, linkAt: offsets, namespaceAt })
}

function mountDevices(plan: PlanWriter): void {
  const targets = targetFlags.noSymlinks | targetFlags.createDirectory
  const mount = (source: string, target: string, fstype: string, flags: number, data = '') =>
    plan.mount({ source, target, fstype, flags, data, targetFlags: targets })
  mount('proc', '/proc', 'proc', guarded)
  mount('tmpfs', '/dev', 'tmpfs', MS_NOSUID | MS_STRICTATIME, 'mode=755,size=65536k')
  for (const [name, major, minor] of devices) {
    plan.deviceNode({ path: `/dev/${name}`, mode: S_IFCHR | 0o666, device: major * 256 + minor, uid: 0, gid: 0 })
  }
  for (const [target, path] of links) plan.symlink({ target, path })
  mount('devpts', '/dev/pts', 'devpts', MS_NOSUID | MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=0620,gid=5')
  mount('mqueue', '/dev/mqueue', 'mqueue', guarded)
  mount('shm', '/dev/shm', 'tmpfs', guarded, 'mode=1777,size=65536k')
}

function mountSystem(plan: PlanWriter, options: ContainerPlan): void {
  const mount = (source: string, target: string, fstype: string, flags: number, data = '') =>
    plan.mount({ source, target, fstype, flags, data, targetFlags: targetFlags.createDirectory })
  mount('sysfs', '/sys', 'sysfs', guarded | MS_RDONLY)
  if (options.cgroups.length > 0) {
    mount('tmpfs', '/sys/fs/cgroup', 'tmpfs', guarded, 'mode=755')
    for (const { hierarchy } of options.cgroups) {
      const data = hierarchy === 'systemd' ? 'none,name=systemd' : hierarchy
      mount('cgroup', `/sys/fs/cgroup/${hierarchy}`, 'cgroup', guarded | MS_RDONLY, data)
    }
    plan.remount({ target: '/sys/fs/cgroup', flags: guarded | MS_RDONLY })
  }
  // In the host's namespace they would be the host's.
  if (options.network !== false) {
    plan.sysctl({ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' })
    plan.sysctl({ name: 'net/ipv4/ping_group_range', value: '0 2147483647' })
  }
  for (const path of readOnly) plan.readOnly({ path })
  for (const path of options.mask ?? masked) plan.mask({ path })
}

/** RTM_NEWLINK with IFF_UP of interface 1, the loopback. */
function loopbackUp(): Uint8Array {
  const message = Buffer.alloc(32)
  message.writeUInt32LE(32, 0)
  message.writeUInt16LE(16, 4)
  message.writeUInt16LE(1 | 4, 6)
  message.writeUInt32LE(1, 8)
  message.writeInt32LE(1, 20)
  message.writeUInt32LE(1, 24)
  message.writeUInt32LE(1, 28)
  return message
}

function becomeProgram(plan: PlanWriter, options: ContainerPlan): void {
  const uid = options.uid ?? 0
  if (options.stdio?.kind === 'tty') plan.console({ uid, bind: 1 })
  plan.rlimit({ resource: 7, soft: 1024, hard: 1024 })
  plan.oomScoreAdj({ value: 0, optional: 1 })
  plan.sessionKeyring({ name: 'container' })
  plan.umask({ mask: 0o022 })
  plan.workingDirectory({ path: options.workingDirectory ?? '/', create: 1, uid: 0, gid: 0 })
  if (options.seccomp) plan.seccomp({ flags: 0, filter: options.seccomp })
  plan.capabilityBounds({ bounding: dockerCapabilities })
  plan.user({ uid, gid: uid, groups: new Uint8Array(0) })
  const held = uid === 0 ? dockerCapabilities : 0
  plan.capabilities({ effective: held, permitted: held, inheritable: 0, ambient: 0 })
  plan.execute({
    file: options.argv[0] ?? '',
    path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    argv: options.argv,
    envp: options.env ?? [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'TERM=xterm',
    ],
  })
}

/** Mount, cgroup, UTS, IPC and network. */
const joined = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x40000000

function writeProbe(plan: PlanWriter, options: ContainerPlan, argv: readonly string[]): void {
  plan.section('probe')
  for (const { path } of options.cgroups) plan.cgroupJoin({ path: `${path}/tasks` })
  plan.joinProgram({ flags: joined })
  becomeProgram(plan, { ...options, argv, stdio: { kind: 'pipes', flags: [] } })
}

function writeHealth(plan: PlanWriter, health: NonNullable<ContainerPlan['health']>): void {
  plan.health({
    interval: health.interval,
    timeout: health.timeout ?? 600_000,
    startPeriod: health.startPeriod ?? 0,
    startInterval: health.startInterval ?? health.interval,
    retries: health.retries ?? 1_000_000,
    expired: health.expired ?? '',
    cgroup: health.cgroup ?? '',
  })
}

/** A container as Docker makes it, without a network: the plan that the tests and the bench of the supervisor run. */
export function writeContainerPlan(plan: PlanWriter, options: ContainerPlan): void {
  prepare(plan, options)
  plan.section('container')
  for (const { path } of options.cgroups) plan.cgroupJoin({ path: `${path}/tasks` })
  plan.unshare({ flags: newCgroup })
  plan.rootPropagation({ flags: MS_REC | MS_PRIVATE })
  const files = ['hosts', 'hostname', 'resolv.conf']
  for (const [index, name] of files.entries())
    plan.treeOpen({ slot: 10 + index, path: `${options.directory}/${name}`, below: '', recursive: 0 })
  options.entrance?.(plan)
  plan.rootMount({
    directory: options.directory,
    source: 'overlay',
    target: 'm',
    fstype: 'overlay',
    flags: 0,
    data: `lowerdir=${options.lowerdir},upperdir=u,workdir=w`,
  })
  plan.pivotRoot({ directory: 'm' })
  mountDevices(plan)
  for (const [index, name] of files.entries()) {
    plan.treeAttach({
      slot: 10 + index,
      target: `/etc/${name}`,
      attrSet: 0,
      attrClear: 0,
      propagation: 0,
      recursive: 0,
      targetFlags: targetFlags.createFile,
    })
  }
  if (options.network !== false) plan.networkJoin()
  mountSystem(plan, options)
  plan.hostname({ name: 'native-test' })
  options.extra?.(plan)
  if (options.network !== false) plan.awaitRelease()
  becomeProgram(plan, options)
  if (options.health) writeProbe(plan, options, options.health.argv)
  plan.section('monitor')
  plan.title({ text: 'inboard' })
  if (options.health) writeHealth(plan, options.health)
  if (options.restart) plan.restartPolicy(options.restart)
  if (options.ending) plan.section('ending')
  options.ending?.(plan)
  plan.section('teardown')
  for (const { path } of options.cgroups) plan.cgroupRemove({ path })
  plan.removeTree({ path: options.directory })
}

/** `writeContainerPlan` and its end. */
export function containerPlan(options: ContainerPlan, mode: ModeName = 'run'): Uint8Array {
  const plan = new PlanWriter()
  writeContainerPlan(plan, options)
  return plan.finish({ mode, ...options.fault })
}
