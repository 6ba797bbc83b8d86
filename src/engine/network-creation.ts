import { randomBytes } from 'node:crypto'
import { failpoint } from '../errors/failpoint.js'
import { ConflictError } from '../errors/index.js'
import { withNetworkNamespaceLock } from '../host/index.js'
import { checkSubnetFree, pickSubnet } from '../network/address-pools.js'
import type { SubnetDefinition } from '../network/definition.js'
import { removeRecordFile } from '../network/name-records.js'
import { defineNetwork, type NetworkRequest } from '../network/network-options.js'
import type { Subnet } from '../network/subnet.js'
import { defineSubnet } from '../network/subnets.js'
import { type NetworkRecord, type NetworkStore, networkExists } from '../store/networks.js'
import { traced } from '../tracing/index.js'
import type { Networking } from './networking.js'
import { withNetworksLock } from './networks-lock.js'
import { usedSubnets } from './predefined-networks.js'

/**
 * Records a network, then makes it. While others of the root make or remove networks it waits.
 *
 * @param onRecorded what else is recorded of it, in the same transaction
 * @throws {ConflictError} NETWORK_EXISTS, SUBNET_OVERLAPS, ADDRESSES_EXHAUSTED; nothing is left behind then
 */
export function createNetwork(
  networking: Networking,
  request: NetworkRequest,
  signal: AbortSignal | undefined,
  onRecorded: (record: NetworkRecord) => void = () => {},
): Promise<NetworkRecord> {
  const create = () =>
    withNetworksLock(networking.stages.runRoot, signal, async () => {
      await finishRemovalsLocked(networking)
      const make = () => makeNetwork(networking, request, signal, onRecorded)
      // Until its interface is there, other roots do not see what was picked.
      return request.picked.length > 0 ? withNetworkNamespaceLock(make, signal) : make()
    })
  return traced(
    'inboard:network.create',
    () => ({ name: request.name }),
    async (message) => {
      const record = await create()
      if (message) message.network = record.id
      return record
    },
  )
}

async function makeNetwork(
  networking: Networking,
  request: NetworkRequest,
  signal: AbortSignal | undefined,
  onRecorded: (record: NetworkRecord) => void,
): Promise<NetworkRecord> {
  const { store, host, stages } = networking
  const occupied = request.picked.length > 0 ? await stages.occupied() : []
  signal?.throwIfAborted()
  failpoint('network.record')
  const record = recordNetwork(networking, request, occupied, onRecorded)
  try {
    failpoint('network.create')
    await host.create(record)
    return record
  } catch (error) {
    discard(store, record)
    throw error
  }
}

/** In one transaction: no two processes pick one subnet. */
function recordNetwork(
  networking: Networking,
  request: NetworkRequest,
  occupied: readonly Subnet[],
  onRecorded: (record: NetworkRecord) => void,
): NetworkRecord {
  const { store, stages } = networking
  return store.transaction(() => {
    if (store.getByName(request.name)) throw networkExists(request.name)
    const id = randomBytes(32).toString('hex')
    const definition = defineNetwork(request, id, subnetsFor(networking, request, occupied))
    checkInterface(store, id, definition.driver, definition.interface)
    const record = { id, name: request.name, createdAtMs: Date.now(), definition }
    stages.networks.insert(record)
    onRecorded(record)
    return record
  })
}

function subnetsFor(
  { store, stages }: Networking,
  { subnets, picked }: NetworkRequest,
  occupied: readonly Subnet[],
): SubnetDefinition[] {
  const used = usedSubnets(store)
  for (const { subnet } of subnets) checkSubnetFree(subnet, used)
  const chosen = picked.map((family) =>
    defineSubnet({ subnet: pickSubnet(stages.pools, family, [...occupied, ...used]) }, true),
  )
  const given = subnets.map((subnet) => defineSubnet(subnet, false))
  return [...chosen, ...given].sort((one, other) => familyOf(one) - familyOf(other))
}

const familyOf = ({ subnet }: SubnetDefinition) => (subnet.includes(':') ? 6 : 4)

/** A bridge is of one network; several macvlan networks may not share a parent, either. */
function checkInterface(store: NetworkStore, id: string, driver: string, name: string): void {
  const other = [...store.list(), ...store.removing()].find(({ definition }) => definition.interface === name)
  if (!other) return
  const why =
    driver === 'bridge'
      ? 'networks have same bridge name'
      : `network ${other.name} is already using parent interface ${name}`
  throw new ConflictError(
    `cannot create network ${id} (${name}): conflicts with network ${other.id} (${name}): ${why}`,
    {
      code: 'NETWORK_EXISTS',
      details: { network: other.name, interface: name },
    },
  )
}

/** One that somebody has started a container on meanwhile is made by that start, and stays. */
function discard(store: NetworkStore, { id }: NetworkRecord): void {
  try {
    store.beginRemove(id)
    store.delete(id)
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
  }
}

/**
 * Removes a network. Its record goes first, so that nobody starts a container on what is being removed.
 *
 * @throws {ConflictError} NETWORK_IN_USE; {NotFoundError} NETWORK_NOT_FOUND
 */
export function removeNetwork(networking: Networking, id: string, signal: AbortSignal | undefined): Promise<void> {
  return traced(
    'inboard:network.remove',
    () => ({ network: id }),
    () =>
      withNetworksLock(networking.stages.runRoot, signal, async () => {
        networking.store.beginRemove(id)
        await finishRemovalsLocked(networking)
      }),
  )
}

/** Ends what was begun by a process that did not live to do it. */
export async function finishRemovals(networking: Networking, signal?: AbortSignal): Promise<void> {
  if (networking.store.removing().length === 0) return
  await withNetworksLock(networking.stages.runRoot, signal, () => finishRemovalsLocked(networking))
}

/** Only one who holds the lock removes networks: all that are begun, and not his, are of processes that are no more. */
async function finishRemovalsLocked({ store, host, names }: Networking): Promise<void> {
  for (const record of store.removing()) {
    failpoint('network.remove')
    await host.remove(record)
    failpoint('network.names')
    await removeRecordFile(names, record.id)
    failpoint('network.removed')
    store.delete(record.id)
  }
}
