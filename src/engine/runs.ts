import type { ContainerContext } from '../container/context.js'
import { failpoint } from '../errors/failpoint.js'
import { replaceNames } from '../network/name-records.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import { nameRecord } from './container-names.js'
import { activateEndpoints } from './endpoints.js'
import { hasNames, type Networking, placesOf } from './networking.js'

type Records = Pick<ContainerContext, 'containers' | 'bootId'>

/** created or exited → started, with its places on networks taken; undefined when another process was first. */
export async function beginRun(networking: Networking, { containers, bootId }: Records, id: string) {
  const { store } = networking
  if (store.endpointsOf(id).some(({ networkName }) => networkName === 'bridge')) await networking.bridge()
  return store.transaction(() => {
    const record = containers.begin(id, bootId)
    if (record) activateEndpoints(store, id, record.attempt)
    return record
  })
}

/** The end of a run, with its places free: an `rm` container is no more, any other has exited. */
export function endRun(
  { store }: Networking,
  { containers, delete: remove }: Pick<ContainerContext, 'containers' | 'delete'>,
  record: ContainerRecord,
  outcome: Outcome,
): void {
  store.transaction(() => {
    if (record.config.rm) remove(record)
    else if (containers.settle(record.id, record.attempt, outcome)) store.release(record.id, record.attempt)
  })
}

/** Frees what a container still has of networks, of whichever run. */
export function releaseRun({ store }: Networking, { containers }: Records, id: string): void {
  const record = containers.get(id)
  if (record) store.release(id, record.attempt)
}

/** Gives a container another name: in its record, then on the networks where it is found by it. */
export async function renameContainer(
  networking: Networking,
  { containers }: Records,
  id: string,
  name: string,
): Promise<void> {
  containers.rename(id, name)
  failpoint('rename.names')
  const record = containers.get(id)
  if (!record) return
  for (const place of placesOf(networking, id).filter(({ network }) => hasNames(network)))
    await replaceNames(networking.names, place.network.id, nameRecord(record, place))
}
