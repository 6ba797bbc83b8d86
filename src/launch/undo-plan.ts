import { encodeFrame, netlinkSockets, PlanWriter } from './protocol.gen.js'

// Plans that the keeper of an owner executes when that has ended: see `await_end` in native/protocol/operations.mjs. Each can
// be executed again, leaves alone what somebody else has locked, and gives up in time: whoever opens the root finds it recorded.

const SIGKILL = 9
/** So long after the owner's end a lock is waited for: what a busy machine needs to end what was killed. */
const patienceMs = 10_000
/** The same of what is in use by others as a rule. */
const shortPatienceMs = 1000
/** The kernel takes a moment to remove interfaces with their namespace. */
const interfacesMs = 2000

/** What the keeper does: makes the directory with its lock, executes the plans in `directory/undo` when the time has come, and removes it. */
export function compileKeeper(directory: string, runRoot: string): Uint8Array {
  const plan = new PlanWriter()
  plan.section('container')
  plan.title({ text: 'inboard keeper' })
  plan.makeDirectory({ path: directory, mode: 0o700, existOk: 1 })
  plan.makeDirectory({ path: `${directory}/undo`, mode: 0o700, existOk: 1 })
  plan.nameLock({ path: `${directory}/lock` })
  plan.awaitEnd({ directory: `${directory}/undo` })
  plan.section('teardown')
  // Of what the owner was removing when it ended; anybody's that are renamed so are on their way out.
  plan.removeMatching({ directory: runRoot, prefix: '.gone-', suffix: '' })
  // Of what it was clearing up after others, or had no plan for yet, or no more.
  plan.removeMatching({ directory: runRoot, prefix: '.new-', suffix: `-${process.pid}` })
  plan.removeIdleRuns({ directory: runRoot })
  plan.removeFreeLocks({ directory: `${runRoot}/volumes` })
  plan.removeTree({ path: directory })
  return plan.finish({ mode: 'task' })
}

export interface ContainerUndo {
  readonly id: string
  readonly runRoot: string
  /** Its own of `root/containers`. */
  readonly directory: string
}

/** Ends a container, whoever started it, and removes it; what a supervisor that was killed has left is told by its run directory. */
export function compileContainerUndo({ id, runRoot, directory }: ContainerUndo): Uint8Array {
  const plan = new PlanWriter()
  const path = `${runRoot}/${id}`
  const frame = encodeFrame({ type: 'signal', signal: SIGKILL, everyone: 1, final: 1 })
  plan.section('ending')
  plan.tell({ path, frame })
  plan.section('teardown')
  plan.claimRun({ path, frame, patience: patienceMs, skip: 5 })
  plan.removeMatching({ directory: runRoot, prefix: `.new-${id}-`, suffix: '' })
  plan.removeMatching({ directory: runRoot, prefix: `.gone-${id.slice(0, 12)}-`, suffix: '' })
  plan.undoRun({ path: `${path}/undo`, skip: 2 })
  plan.removeTree({ path: directory })
  plan.removeTree({ path })
  return plan.finish({ mode: 'task' })
}

export interface VolumeUndo {
  /** All of it, and where it is removed from. */
  readonly home: string
  readonly gone: string
  readonly lock: string
}

export function compileVolumeUndo({ home, gone, lock }: VolumeUndo): Uint8Array {
  const plan = new PlanWriter()
  plan.section('teardown')
  plan.guardLock({ path: lock, patience: patienceMs, skip: 4 })
  plan.unmount({ path: `${home}/_data` })
  plan.removeTree({ path: home })
  plan.removeTree({ path: gone })
  plan.removeFile({ path: lock })
  return plan.finish({ mode: 'task' })
}

/** What there is of a network's interface and rules. */
export interface InterfaceUndo {
  readonly id: string
  readonly name: string
  /** Its group, when it is this root's own. */
  readonly group: number
  readonly rules: Uint8Array | undefined
  readonly link: Uint8Array
  readonly runRoot: string
}

export function compileNetworkUndo(network: InterfaceUndo): Uint8Array {
  const { id, runRoot } = network
  const plan = new PlanWriter()
  plan.section('teardown')
  for (const name of [id, `.new-${id}`, `${id}.lock`]) plan.removeFile({ path: `${runRoot}/dns/${name}` })
  plan.guardLock({ path: `${runRoot}/networks`, patience: patienceMs, skip: interfaceSteps(network) })
  writeInterface(plan, network)
  return plan.finish({ mode: 'task' })
}

const interfaceSteps = ({ rules }: InterfaceUndo) => (rules ? 4 : 3)

function writeInterface(plan: PlanWriter, { id, name, group, rules, link, runRoot }: InterfaceUndo): void {
  if (rules) writeBatch(plan, 'filter', rules)
  plan.guardLink({ name, group, skip: 1 })
  writeBatch(plan, 'host', link)
  plan.removeFile({ path: `${runRoot}/made/${id}` })
}

export interface RootUndo {
  readonly runRoot: string
  /** The default bridge. */
  readonly bridge: InterfaceUndo
  /** The name of its table, and what those of all roots begin with. */
  readonly table: string
  readonly tables: string
  readonly removal: { readonly table: Uint8Array; readonly links: Uint8Array }
  /** Parent cgroups. */
  readonly cgroups: readonly string[]
}

/** What the last engine of a root removes when it is closed, when there is none any more, and nothing needs it. */
export function compileRootUndo({ runRoot, bridge, table, tables, removal, cgroups }: RootUndo): Uint8Array {
  const plan = new PlanWriter()
  plan.section('teardown')
  // Waited for before anybody has to wait for us.
  plan.guardPorts({ bridge: bridge.name, patience: interfacesMs, skip: 0 })
  const ofRules = 1 + 1 + interfaceSteps(bridge) + 1 + 6 + 3
  plan.guardLock({ path: `${runRoot}/engines`, patience: shortPatienceMs, skip: ofRules + cgroups.length })
  plan.guardLock({ path: `${runRoot}/networks`, patience: patienceMs, skip: ofRules - 1 })
  plan.guardPorts({ bridge: bridge.name, patience: 0, skip: interfaceSteps(bridge) })
  writeInterface(plan, bridge)
  plan.guardEmpty({ directory: `${runRoot}/made`, patience: 0, skip: 6 + 3 })
  for (const [family, knob] of [
    ['4', 'ipv4/ip_forward'],
    ['6', 'ipv6/conf/all/forwarding'],
  ] as const) {
    // Before the rules go that guard a router.
    plan.guardText({ path: `${runRoot}/networks`, text: family, skip: 2 })
    plan.guardTables({ prefix: tables, own: table, skip: 1 })
    plan.writeKnob({ path: `/proc/sys/net/${knob}`, value: '0\n', optional: 1 })
  }
  plan.writeFile({ path: `${runRoot}/networks`, mode: 0o600, data: new Uint8Array() })
  writeBatch(plan, 'filter', removal.table)
  writeBatch(plan, 'host', removal.links)
  for (const path of cgroups) plan.cgroupLeave({ path })
  return plan.finish({ mode: 'task' })
}

function writeBatch(plan: PlanWriter, socket: 'host' | 'filter', messages: Uint8Array): void {
  plan.netlink({
    socket: netlinkSockets[socket],
    slot: 0,
    messages,
    link: '',
    linkAt: new Uint8Array(),
    namespaceAt: 0xffffffff,
  })
}
