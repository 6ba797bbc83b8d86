import { createHash } from 'node:crypto'
import {
  compileContainerUndo,
  compileNetworkUndo,
  compileRootUndo,
  compileVolumeUndo,
  type InterfaceUndo,
} from '../launch/undo-plan.js'
import { linkGroup, linkRemoval, networkRemoval, rootRemoval } from '../network/removal-batches.js'
import { tableName } from '../network/ruleset.js'
import type { ContainerRecord } from '../store/containers.js'
import type { NetworkRecord, NetworkStore } from '../store/networks.js'
import type { Stages } from './assemble.js'
import type { CgroupParents } from './cgroup-parents.js'
import type { Paths } from './paths.js'
import { bridgeIdentity } from './predefined-networks.js'

/** Has the keeper undo a container that is about to be made, and the anonymous volumes that are made with it. */
export function coverContainer(
  { owner, paths, networking }: Pick<Stages, 'owner' | 'paths' | 'networking'>,
  record: ContainerRecord,
): void {
  const { id } = record
  coverBridge({ owner, networking })
  for (const volume of anonymousVolumes(record)) coverVolume({ owner, paths }, volume)
  const { runRoot, containers } = paths
  owner.cover({ kind: 'container', id }, compileContainerUndo({ id, runRoot, directory: `${containers}/${id}` }))
}

/** It was not made. */
export function uncoverContainer({ owner }: Pick<Stages, 'owner'>, record: ContainerRecord): void {
  for (const id of anonymousVolumes(record)) owner.uncover({ kind: 'volume', id })
  owner.uncover({ kind: 'container', id: record.id })
}

/** Those that nobody else has: they have been given names for it. */
const anonymousVolumes = ({ mounts }: ContainerRecord) =>
  mounts.flatMap((point) => (point.type === 'volume' && point.isAnonymous && !point.isTaken ? [point.volume] : []))

export function coverVolume({ owner, paths }: Pick<Stages, 'owner' | 'paths'>, name: string): void {
  const gone = `.gone-${createHash('sha256').update(name).digest('hex')}`
  const { volumes, volumeLocks } = paths
  const undo = { home: `${volumes}/${name}`, gone: `${volumes}/${gone}`, lock: `${volumeLocks}/${name}` }
  owner.cover({ kind: 'volume', id: name }, compileVolumeUndo(undo))
}

/** In the transaction that records it. */
export function coverNetwork(
  { owner, networking }: Pick<Stages, 'owner' | 'networking'>,
  network: Pick<NetworkRecord, 'id' | 'definition'>,
): void {
  const { rootId, runRoot } = networking.stages
  owner.cover({ kind: 'network', id: network.id }, compileNetworkUndo(interfaceUndo(rootId, runRoot, network)))
}

/** The default bridge that the root was to be undone with; it may have got another subnet since. */
const covered = new WeakMap<object, unknown>()

function coverBridge({ owner, networking }: Pick<Stages, 'owner' | 'networking'>): void {
  const bridge = networking.store.getByName('bridge')?.definition
  if (bridge === undefined || covered.get(owner) === bridge) return
  owner.coverRoot()
  covered.set(owner, bridge)
}

/** What is undone of a root that nobody has open. */
export function rootPlan(
  { rootId, runRoot }: Pick<Paths, 'rootId' | 'runRoot'>,
  store: NetworkStore,
  cgroups: CgroupParents,
): Uint8Array {
  const bridge = store.getByName('bridge')
  return compileRootUndo({
    runRoot,
    bridge: bridge ? interfaceUndo(rootId, runRoot, bridge) : nothingYet(rootId, runRoot),
    table: tableName(rootId),
    tables: tableName(''),
    removal: rootRemoval(rootId),
    cgroups: cgroups.parents(),
  })
}

/** Of a bridge that was not made when the plan was: its rules go with the table. */
function nothingYet(rootId: string, runRoot: string): InterfaceUndo {
  const { id, name } = bridgeIdentity(rootId)
  return { id, name, group: linkGroup(rootId), rules: undefined, link: linkRemoval(name), runRoot }
}

function interfaceUndo(
  rootId: string,
  runRoot: string,
  { id, definition }: Pick<NetworkRecord, 'id' | 'definition'>,
): InterfaceUndo {
  return { id, runRoot, name: definition.interface, group: linkGroup(rootId), ...networkRemoval(rootId, definition) }
}
