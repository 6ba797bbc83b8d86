import { createHash } from 'node:crypto'
import { failpoint } from '../errors/failpoint.js'
import { withNetworkNamespaceLock } from '../host/index.js'
import { type AddressPool, pickSubnet } from '../network/address-pools.js'
import type { KernelNetwork, NetworkDefinition, NetworkDriver } from '../network/definition.js'
import { overlaps, type Subnet } from '../network/subnet.js'
import { blocksOf, defineSubnet } from '../network/subnets.js'
import type { NetworkRecord, NetworkStore } from '../store/networks.js'
import { withNetworksLock } from './networks-lock.js'

/** What networks are made from. */
export interface NetworkStages {
  readonly networks: NetworkStore
  /** Eight hex digits. */
  readonly rootId: string
  readonly runRoot: string
  /** Where networks without a subnet of their own take theirs. */
  readonly pools: readonly AddressPool[]
  /** Addresses and routes of the host; without those of an interface `besides`. */
  occupied(besides?: string): Promise<Subnet[]>
  /** Makes what the kernel has of a network; what is there stays. */
  createInKernel(network: KernelNetwork): Promise<void>
  /** Removes what the kernel has of a network. */
  removeFromKernel(network: KernelNetwork): Promise<void>
}

/** What nobody can make or remove: modes of containers, and the names of the networks that stand for them. */
export const isPredefined = (name: string): boolean => ['bridge', 'host', 'none', 'default'].includes(name)

/** The records of `host` and `none`. Called with every opening of a root. */
export function ensurePredefined({ networks, rootId }: Pick<NetworkStages, 'networks' | 'rootId'>): void {
  if (networks.getByName('host') && networks.getByName('none')) return
  networks.transaction(() => {
    for (const [name, driver] of [
      ['host', 'host'],
      ['none', 'null'],
    ] as const)
      if (!networks.getByName(name))
        networks.insert({ id: fixedId(rootId, name), name, createdAtMs: Date.now(), definition: plain(driver) })
  })
}

/**
 * The default network of a root, made: its record with the first use. Its subnet is the first of the pools that is free.
 * While nothing runs on it, it gets another one if the host has come to use that.
 *
 * @throws {ConflictError} ADDRESSES_EXHAUSTED
 */
export async function ensureBridge(stages: NetworkStages, signal?: AbortSignal): Promise<NetworkRecord> {
  const { networks, rootId, runRoot } = stages
  return withNetworksLock(runRoot, signal, async () => {
    const present = networks.getByName('bridge')
    if (present && isBusy(networks, present)) return present
    return withNetworkNamespaceLock(async () => {
      const occupied = await stages.occupied(bridgeInterface(rootId))
      const record = present && !isTaken(present, occupied) ? present : await pickBridge(stages, present, occupied)
      await stages.createInKernel(record)
      return record
    }, signal)
  })
}

/** Its record, for those who only ask about it: it has a subnet for good once it is made. */
export async function describeBridge(stages: NetworkStages): Promise<NetworkRecord> {
  const { networks, runRoot } = stages
  return (
    networks.getByName('bridge') ??
    withNetworksLock(
      runRoot,
      undefined,
      async () => networks.getByName('bridge') ?? pickBridge(stages, undefined, await stages.occupied()),
    )
  )
}

async function pickBridge(
  stages: NetworkStages,
  present: NetworkRecord | undefined,
  occupied: Subnet[],
): Promise<NetworkRecord> {
  if (present) await stages.removeFromKernel(present)
  failpoint('network.bridge')
  return stages.networks.transaction(() => recordBridge(stages, present, occupied))
}

function recordBridge(stages: NetworkStages, present: NetworkRecord | undefined, occupied: Subnet[]): NetworkRecord {
  const { networks, rootId, pools } = stages
  if (present && isBusy(networks, present)) return present
  const subnet = pickSubnet(pools, 4, [...occupied, ...usedSubnets(networks, present?.id)])
  const definition = bridgeDefinition(rootId, subnet)
  if (present) {
    networks.update(present.id, definition)
    return { ...present, definition }
  }
  const record = { id: fixedId(rootId, 'bridge'), name: 'bridge', createdAtMs: Date.now(), definition }
  networks.insert(record)
  return record
}

/** What the networks of a root have, also those that are being removed. */
export function usedSubnets(networks: NetworkStore, besides?: string): Subnet[] {
  return [...networks.list(), ...networks.removing()]
    .filter(({ id }) => id !== besides)
    .flatMap(({ definition }) => blocksOf(definition))
}

const isTaken = ({ definition }: NetworkRecord, occupied: readonly Subnet[]) =>
  blocksOf(definition).some((own) => occupied.some((other) => overlaps(own, other)))

const isBusy = (networks: NetworkStore, { id }: NetworkRecord) => networks.hasActive(id)

/** Of the default bridge, made or not. */
export const bridgeIdentity = (rootId: string): { readonly id: string; readonly name: string } => ({
  id: fixedId(rootId, 'bridge'),
  name: bridgeInterface(rootId),
})

const bridgeInterface = (rootId: string): string => `ib-${rootId}`

const fixedId = (rootId: string, name: string) => createHash('sha256').update(`${rootId} ${name}`).digest('hex')

function plain(driver: NetworkDriver): NetworkDefinition {
  return {
    driver,
    internal: false,
    attachable: false,
    ipv6: false,
    subnets: [],
    options: {},
    ipamDriver: 'default',
    ipamOptions: {},
    labels: {},
    interface: '',
    icc: true,
    masquerade: false,
    hostBinding: '0.0.0.0',
    mode: '',
  }
}

function bridgeDefinition(rootId: string, subnet: Subnet): NetworkDefinition {
  const name = bridgeInterface(rootId)
  return {
    ...plain('bridge'),
    subnets: [defineSubnet({ subnet }, true)],
    options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': name,
      'com.docker.network.driver.mtu': '1500',
    },
    interface: name,
    mtu: 1500,
    masquerade: true,
  }
}
