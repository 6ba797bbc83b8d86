import { MS } from '../host/index.js'
import type { ReadOnlyRoot, Rootfs } from '../snapshot/rootfs.js'
import type { RestartPolicy } from '../spec/options.js'
import type { Mount, Spec } from '../spec/types.js'
import type { ContainerCgroups, Hierarchy } from './cgroups.js'
import { type JournalPlan, writeJournal } from './journal-plan.js'
import { type RunLog, writeLog } from './log-plan.js'
import { parseMountOptions } from './mount-options.js'
import { type NetworkPlan, networkFiles, writeNetwork, writeNetworkEnding, writeNetworkUndo } from './network-plan.js'
import type { PlanOptions } from './plan-encoder.js'
import { type ProbePlan, writeHealth, writeProbe } from './probe-plan.js'
import { writeProcess } from './process-steps.js'
import {
  faultPoints,
  type OperationName,
  PlanWriter,
  restartPolicies,
  stdioFlags,
  stdioKinds,
  targetFlags,
} from './protocol.gen.js'
import { writePivot, writeRootDirectories, writeRootMount } from './root-steps.js'
import { writeTeardown } from './teardown-plan.js'
import { type SecretFile, Trees } from './trees.js'

const CLONE = {
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const
const cloneFlags = {
  mount: CLONE.NEWNS,
  pid: CLONE.NEWPID,
  uts: CLONE.NEWUTS,
  ipc: CLONE.NEWIPC,
} as const

/** Where a container's things are on the host; all of it belongs to the engine. */
export interface ContainerPaths {
  /** `root/containers/ID`: made by the plan. */
  readonly directory: string
  /** `runRoot/ID`: exists, with the lock that the engine holds. */
  readonly run: string
}

/** Files of the engine's own that are bound over the image's. Written at each start. */
export interface ManagedFile {
  readonly path: string
  readonly content: string
}

export interface RunPlanInput {
  readonly id: string
  readonly spec: Spec
  readonly rootfs: Rootfs
  /** What mounts of type `image` show, by their source. */
  readonly images: ReadonlyMap<string, ReadOnlyRoot>
  readonly paths: ContainerPaths
  readonly files: readonly ManagedFile[]
  readonly cgroups: ContainerCgroups
  readonly hierarchies: readonly Hierarchy[]
  readonly seccomp: Uint8Array | undefined
  readonly network: NetworkPlan
  /** How many descriptors are passed to the supervisor: the plan's own come behind them. */
  readonly slots: number
  /** Slots of the first processes of containers whose namespaces are shared. */
  readonly shared: { readonly pid: number | undefined; readonly ipc: number | undefined }
  readonly stdio: RunStdio
  readonly restartPolicy: RestartPolicy
  /** undefined: its output is not kept. */
  readonly log: RunLog | undefined
  /** undefined: its health is not checked. */
  readonly probe: ProbePlan | undefined
  /** What its supervisor tells. */
  readonly journal: JournalPlan
  readonly secrets: RunSecrets | undefined
  /** Its files go when it ends. */
  readonly remove: boolean
  /** It does not outlive the connection of the process that starts it. */
  readonly isBound: boolean
  /** Whoever reads its output slows it down. */
  readonly hasBackpressure: boolean
  /** What is to be undone when its supervisor does not live to do it is in its run directory, for who undoes it natively. */
  readonly isCovered: boolean
  readonly fault?: Fault
}

/** Where a plan is made to fail; tests only. */
export type Fault = FaultPlace & {
  /** How often the program was started again by then. Default 0. */
  readonly round?: number
}

type FaultPlace =
  | { readonly step: number; readonly kind: 'error' | 'kill' }
  /** The supervisor is killed between two steps. */
  | { readonly point: keyof typeof faultPoints }

/** What is told to the program of one start alone: neither a record nor a file has it. */
export interface RunSecrets {
  /** `NAME=value` */
  readonly env: readonly string[]
  readonly files: readonly SecretFile[]
}

export interface RunStdio {
  readonly tty: boolean
  readonly stdin: boolean
  /** Our connection gets the output from the first byte. */
  readonly attached: boolean
  /** End of our input is the end of the program's. */
  readonly stdinOnce: boolean
  readonly rows: number
  readonly columns: number
}

export interface LaunchPlan {
  readonly bytes: Uint8Array
  /** The name of each step, for messages about a failed one. */
  readonly steps: readonly OperationName[]
  /** The mounts that steps are about, likewise. */
  readonly mounts?: ReadonlyMap<number, Mount>
}

/** Compiles a spec, its root filesystem, cgroups and network into what the supervisor executes. Pure. */
export function compileRun(input: RunPlanInput): LaunchPlan {
  const plan = new PlanWriter()
  const mounts = new Map<number, Mount>()
  const { spec, images, paths, slots, shared } = input
  const trees = new Trees(
    plan,
    {
      mounts: spec.mounts,
      images,
      directory: paths.directory,
      slots,
      sharedMemory: shared.ipc,
      secrets: { files: input.secrets?.files ?? [], place: paths.run },
    },
    mounts,
  )
  plan.section('prepare')
  writePrepare(plan, input, trees)
  plan.section('beside')
  writeBeside(plan, input)
  plan.section('container')
  writeEntrance(plan, input, trees)
  writeFilesystems(plan, input, trees, mounts)
  writeKernelSettings(plan, input)
  // Its interfaces were made meanwhile.
  if (input.network.kind === 'own') plan.awaitRelease()
  writeProcess(plan, {
    process: processOf(input),
    seccomp: input.seccomp,
    keyring: `_ses.${input.id}`,
    createWorkingDirectory: true,
    bindConsole: true,
    onMounted: () => trees.share(),
  })
  const probe = input.probe && { ...input.probe, id: input.id, cgroups: input.cgroups, seccomp: input.seccomp }
  if (probe) writeProbe(plan, probe)
  plan.section('monitor')
  if (probe) writeHealth(plan, probe)
  writeRestartPolicy(plan, input.restartPolicy)
  plan.section('ending')
  if (input.network.kind === 'own') writeNetworkEnding(plan, input.id, input.network)
  plan.section('teardown')
  writeTeardown(plan, input)
  return { bytes: plan.finish({ mode: 'run', ...planFault(input.fault) }), steps: plan.names, mounts }
}

/** With the variables that only it is told. */
function processOf({ spec: { process }, secrets }: RunPlanInput): Spec['process'] {
  if (!secrets || secrets.env.length === 0) return process
  const nameOf = (variable: string) => variable.split('=', 1)[0]
  const names = new Set(secrets.env.map(nameOf))
  return { ...process, env: [...process.env.filter((one) => !names.has(nameOf(one))), ...secrets.env] }
}

/** A fault as the plan's header has it. */
export function planFault(fault: Fault | undefined): Omit<PlanOptions, 'mode'> {
  if (!fault) return {}
  const faultRound = fault.round ?? 0
  if ('point' in fault) return { faultPoint: faultPoints[fault.point], faultRound }
  return { faultStep: fault.step, faultKind: fault.kind === 'kill' ? 2 : 1, faultRound }
}

/** What a killed supervisor has left, but for files. */
function compileRunUndo(input: RunPlanInput): Uint8Array {
  const plan = new PlanWriter()
  plan.section('ending')
  if (input.network.kind === 'own') writeNetworkUndo(plan, input.id, input.network)
  plan.section('teardown')
  writeTeardown(plan, { ...input, remove: false })
  return plan.finish({ mode: 'task' })
}

function writePrepare(plan: PlanWriter, input: RunPlanInput, trees: Trees): void {
  const { id, spec, rootfs, paths, cgroups, stdio, shared } = input
  plan.title({ text: `inboard ${id.slice(0, 7)}` })
  if (input.isBound) plan.lifeline()
  plan.runDirectory({ path: paths.run })
  if (input.isCovered) plan.writeFile({ path: `${paths.run}/undo`, mode: 0o600, data: compileRunUndo(input) })
  plan.makeDirectory({ path: paths.directory, mode: 0o710, existOk: 1 })
  writeJournal(plan, input.journal)
  writeRootDirectories(plan, rootfs)
  trees.makeDirectories()
  for (const { path, content } of [...input.files, ...networkFiles(input.network)])
    plan.writeFile({ path, mode: 0o644, data: Buffer.from(content) })
  if (cgroups.unified) plan.makeDirectory({ path: cgroups.unified, mode: 0o755, existOk: 0 })
  if (cgroups.unified && cgroups.deviceFilter)
    plan.deviceFilter({ cgroup: cgroups.unified, program: cgroups.deviceFilter })
  plan.stdio({
    kind: stdio.tty ? stdioKinds.tty : stdioKinds.pipes,
    flags: flagsOf(input),
    rows: stdio.rows,
    columns: stdio.columns,
    slotIn: 0,
    slotOut: 0,
    slotErr: 0,
  })
  // For what is cloned from now on; the supervisor itself stays where it is.
  if (shared.pid !== undefined) plan.setns({ slot: shared.pid, flags: CLONE.NEWPID })
  let flags = 0
  for (const { type } of spec.linux.namespaces) flags |= (cloneFlags as Record<string, number>)[type] ?? 0
  plan.clone({ flags, cgroup: cgroups.unified ?? '' })
}

/** What takes the kernel as long as the mounts, and is made while the container's first process does those. */
function writeBeside(plan: PlanWriter, { id, cgroups, network, log }: RunPlanInput): void {
  for (const { path } of cgroups.directories)
    if (path !== cgroups.unified) plan.makeDirectory({ path, mode: 0o755, existOk: 0 })
  for (const { path, value, optional } of cgroups.knobs) plan.writeKnob({ path, value, optional: optional ? 1 : 0 })
  plan.release()
  if (network.kind === 'own') writeNetwork(plan, id, network)
  if (cgroups.oomCounter) plan.oomCounter({ path: cgroups.oomCounter })
  if (cgroups.freezer) plan.freezer(cgroups.freezer)
  if (log) writeLog(plan, log)
}

function writeRestartPolicy(plan: PlanWriter, { name, maximumRetryCount }: RestartPolicy): void {
  if (name !== 'no') plan.restartPolicy({ policy: policyCode(name), maximum: maximumRetryCount })
}

/** A policy as the supervisor knows it. */
export function policyCode(name: RestartPolicy['name']): number {
  return policyCodes[name]
}

const policyCodes = {
  no: restartPolicies.no,
  'on-failure': restartPolicies.onFailure,
  always: restartPolicies.always,
  'unless-stopped': restartPolicies.unlessStopped,
} as const

function flagsOf({ stdio, hasBackpressure }: RunPlanInput): number {
  return (
    (hasBackpressure ? stdioFlags.backpressure : 0) |
    (stdio.stdin ? stdioFlags.stdin : 0) |
    (stdio.attached ? stdioFlags.attached : 0) |
    (stdio.stdinOnce ? stdioFlags.stdinOnce : 0)
  )
}

/** From the host's view of the filesystem to the container's. Host paths are opened before the pivot, attached after it. */
function writeEntrance(plan: PlanWriter, { spec, rootfs, cgroups, shared }: RunPlanInput, trees: Trees): void {
  trees.openBinds()
  trees.takeShared()
  if (shared.ipc !== undefined) plan.setns({ slot: shared.ipc, flags: CLONE.NEWIPC })
  plan.rootPropagation({ flags: MS.REC | MS.PRIVATE })
  trees.openImages()
  trees.openSecrets()
  writeRootMount(plan, rootfs)
  plan.awaitRelease()
  for (const { join, version } of cgroups.directories) if (version === 1) plan.cgroupJoin({ path: join })
  if (spec.linux.namespaces.some(({ type }) => type === 'cgroup')) plan.unshare({ flags: CLONE.NEWCGROUP })
  writePivot(plan, rootfs)
}

function writeFilesystems(
  plan: PlanWriter,
  { spec, hierarchies, network }: RunPlanInput,
  trees: Trees,
  mounts: Map<number, Mount>,
): void {
  // sysfs shows the network namespace that it is mounted in.
  const first = Math.max(
    0,
    spec.mounts.findIndex(({ destination }) => destination === '/sys'),
  )
  for (const [index, mount] of spec.mounts.entries()) {
    if (index === first) joinNetwork(plan, network)
    if (mount.type === 'bind' || mount.type === 'image' || mount.type === 'shared') {
      if (mount.destination === '/dev') writeNullDevice(plan)
      trees.attach(mount)
    } else if (mount.type === 'cgroup') writeCgroupMounts(plan, mount, hierarchies)
    else {
      mounts.set(plan.steps, mount)
      writeMount(plan, mount)
      if (mount.destination === '/dev') writeDevices(plan, spec)
    }
  }
  trees.attachSecrets()
}

function joinNetwork(plan: PlanWriter, network: NetworkPlan): void {
  if (network.kind === 'own') plan.networkJoin()
  else if (network.kind === 'join') plan.setns({ slot: network.slot, flags: CLONE.NEWNET })
}

const kernelFilesystems = new Set(['/proc', '/sys', '/dev'])

function writeMount(plan: PlanWriter, { type, source, destination, options }: Mount): void {
  const { flags, data } = parseMountOptions(options)
  const inDev = destination.startsWith('/dev/')
  const strict = kernelFilesystems.has(destination) || inDev ? targetFlags.noSymlinks : 0
  plan.mount({
    source,
    target: destination,
    fstype: type,
    flags,
    data,
    targetFlags: strict | targetFlags.createDirectory | (type === 'mqueue' ? targetFlags.optional : 0),
  })
}

/** The container's view of /sys/fs/cgroup: v2 alone is one mount, v1 a tmpfs with a mount for each hierarchy. */
function writeCgroupMounts(plan: PlanWriter, { destination, options }: Mount, hierarchies: readonly Hierarchy[]): void {
  const { flags } = parseMountOptions(options)
  const first = hierarchies.filter(({ version }) => version === 1)
  // Where something else is mounted over /sys, this is made below it, and hidden.
  const made = targetFlags.createDirectory | targetFlags.noSymlinks
  if (first.length === 0) {
    plan.mount({ source: 'cgroup', target: destination, fstype: 'cgroup2', flags, data: '', targetFlags: made })
    return
  }
  plan.mount({
    source: 'tmpfs',
    target: destination,
    fstype: 'tmpfs',
    flags: flags & ~MS.RDONLY,
    data: 'mode=755',
    targetFlags: made,
  })
  for (const { mountName, mountData, controllers } of first) {
    plan.mount({
      source: 'cgroup',
      target: `${destination}/${mountName}`,
      fstype: 'cgroup',
      flags,
      data: mountData,
      targetFlags: made,
    })
    if (controllers.length > 1)
      for (const name of controllers) plan.symlink({ target: mountName, path: `${destination}/${name}` })
  }
  if (flags & MS.RDONLY) plan.remount({ target: destination, flags })
}

const deviceLinks = {
  '/dev/fd': '/proc/self/fd',
  '/dev/stdin': '/proc/self/fd/0',
  '/dev/stdout': '/proc/self/fd/1',
  '/dev/stderr': '/proc/self/fd/2',
  '/dev/ptmx': 'pts/ptmx',
}

/** Below a /dev of the host's: masks need a null device that is surely one. */
function writeNullDevice(plan: PlanWriter): void {
  const flags = MS.NOSUID | MS.NOEXEC
  plan.mount({
    source: 'tmpfs',
    target: '/dev',
    fstype: 'tmpfs',
    flags,
    data: 'mode=755,size=64k',
    targetFlags: targetFlags.noSymlinks,
  })
  plan.deviceNode({ path: '/dev/null', mode: 0o20666, device: 0x103, uid: 0, gid: 0 })
}

function writeDevices(plan: PlanWriter, spec: Spec): void {
  for (const { path, type, major, minor, fileMode, uid, gid } of spec.linux.devices) {
    // Linux's dev_t: 12 + 8 bits of minor around 12 bits of major. @see makedev(3)
    const device = (BigInt(minor) & 0xffn) | (BigInt(major & 0xfff) << 8n) | (BigInt(minor & ~0xff) << 12n)
    plan.deviceNode({ path, mode: (type === 'c' ? 0o20000 : 0o60000) | fileMode, device, uid, gid })
  }
  for (const [path, target] of Object.entries(deviceLinks)) plan.symlink({ target, path })
}

function writeKernelSettings(plan: PlanWriter, { spec }: RunPlanInput): void {
  for (const [name, value] of Object.entries(spec.linux.sysctl)) plan.sysctl({ name, value })
  if (spec.linux.namespaces.some(({ type }) => type === 'uts')) {
    plan.hostname({ name: spec.hostname })
    if (spec.domainname) plan.domainname({ name: spec.domainname })
  }
  for (const path of spec.linux.readonlyPaths) plan.readOnly({ path })
  for (const path of spec.linux.maskedPaths) plan.mask({ path })
  if (!spec.root.readonly) return
  // Where nothing can be made any more, it is there already.
  plan.workingDirectory({ path: spec.process.cwd, create: 1, uid: 0, gid: 0 })
  plan.remount({ target: '/', flags: MS.RDONLY })
}
