import type { ContainerContext } from '../container/context.js'
import { failpoint } from '../errors/failpoint.js'
import { replaceNames } from '../network/name-records.js'
import { type ContainerRecord, isOfRun, noSuchContainer, type Outcome } from '../store/containers.js'
import type { Stages } from './assemble.js'
import { nameRecord } from './container-names.js'
import { activateEndpoints } from './endpoints.js'
import { hasNames, type Networking, placesOf } from './networking.js'
import { renewTexts, tellFailure, tellLoss } from './run-events.js'

type Records = Pick<ContainerContext, 'containers' | 'bootId'>

/** created or exited → started, with its places on networks taken; undefined when another process was first. */
export async function beginRun(
  { networking, ephemeral }: Pick<Stages, 'networking' | 'ephemeral'>,
  { containers, bootId, abandoned }: Records & Pick<ContainerContext, 'abandoned'>,
  id: string,
) {
  const { store } = networking
  // With its run directory locked: who undoes what the owner had comes after this, or has been there.
  const owner = ephemeral.ownerOf('container', id)
  if (owner !== undefined && abandoned.isGone(owner)) throw noSuchContainer(id)
  if (store.endpointsOf(id).some(({ networkName }) => networkName === 'bridge')) await networking.bridge()
  return store.transaction(() => {
    const record = containers.begin(id, bootId)
    if (record) activateEndpoints(store, id, record.attempt)
    return record
  })
}

/**
 * The end of a run, with its places free: an `rm` container is no more, any other has exited.
 *
 * @param isTold whether its supervisor has told the journal of events
 */
export function endRun(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  { outcome, isTold }: { readonly outcome: Outcome; readonly isTold: boolean },
): void {
  const { containers, delete: remove } = context
  const { store } = stages.networking
  store.transaction(() => {
    // Who records it tells of it: what he has told may not be in the journal yet.
    const isRecorded = !isOfRun(containers.get(record.id), record)
    if (!isTold && !isRecorded) tellLoss(stages, context, record, outcome.exitCode)
    if (record.config.rm) remove(record)
    else if (containers.settle(record.id, record.attempt, outcome)) store.release(record.id, record.attempt)
  })
}

/** The end of a run that nobody saw, or that could not begin. What it has of networks is freed once that is undone. */
export function loseRun(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  outcome: Outcome,
  phase: 'exited' | 'created' | 'removing',
): void {
  stages.networking.store.transaction(() => {
    if (!context.containers.settle(record.id, record.attempt, outcome, phase)) return
    const tell = outcome.error === undefined ? tellLoss : tellFailure
    tell(stages, context, record, outcome.exitCode)
  })
}

/** Frees what a container still has of networks, of whichever run. */
export function releaseRun({ store }: Networking, { containers }: Records, id: string): void {
  const record = containers.get(id)
  if (record) store.release(id, record.attempt)
}

/** Gives a container another name: in its record, then on the networks where it is found by it. */
export async function renameContainer(
  stages: Stages,
  context: ContainerContext,
  id: string,
  name: string,
): Promise<void> {
  const { networking } = stages
  const record = networking.store.transaction(() => rename(context, id, name))
  failpoint('rename.names')
  if (!record) return
  renewTexts(stages, context, record)
  for (const place of placesOf(networking, id).filter(({ network }) => hasNames(network)))
    await replaceNames(networking.names, place.network.id, nameRecord(record, place))
}

function rename({ containers, tell }: ContainerContext, id: string, name: string): ContainerRecord | undefined {
  const before = containers.get(id)
  containers.rename(id, name)
  const record = containers.get(id)
  if (before && record) tell(record, 'rename', { oldName: `/${before.name}` })
  return record
}
