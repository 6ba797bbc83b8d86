import type { ContainerNetworking } from '../container/networking.js'
import { parseAddress } from '../network/address.js'
import type { BoundPort } from '../network/definition.js'
import type { HostNetwork } from '../network/host-network-types.js'
import type { PublishedPort } from '../network/ruleset.js'
import type { ContainerStore } from '../store/containers.js'
import type { LinkStore } from '../store/links.js'
import type { EndpointRecord, NetworkRecord, NetworkStore } from '../store/networks.js'
import type { NetworkStages } from './predefined-networks.js'

/** What the engine knows networks by: the records of them, and the kernel's side. */
export interface Networking {
  readonly store: NetworkStore
  readonly links: LinkStore
  readonly host: HostNetwork
  /** `runRoot/dns`: record and view files. */
  readonly names: string
  /** What networks are made from. */
  readonly stages: NetworkStages
  /** The default network, made. */
  bridge(): Promise<NetworkRecord>
  /** Its record alone, which is made with its first use. */
  describeBridge(): Promise<NetworkRecord>
  /** Removes what the kernel has of the default network, when nothing runs on it: the last engine of the root closes. */
  leave(): Promise<void>
  /** Of containers that are being made to be started at once: whether the host has what their network needs. */
  readonly ahead: Map<string, Promise<void>>
  /** The port that was given last of those that nobody has named. */
  readonly dynamicPorts: { last: number }
}

/** A container's place on a network that is there. */
export interface Place {
  readonly endpoint: EndpointRecord & { readonly active: NonNullable<EndpointRecord['active']> }
  readonly network: NetworkRecord
}

/** A container's connection to a network that is there, whether it runs or not. */
export interface Connection {
  readonly endpoint: EndpointRecord
  readonly network: NetworkRecord
}

/** In the order they were made. */
export function connectionsOf({ store }: Pick<Networking, 'store'>, container: string): Connection[] {
  return store.endpointsOf(container).flatMap((endpoint) => {
    const network = store.get(endpoint.network)
    return network ? [{ endpoint, network }] : []
  })
}

/** Where a running container is, in the order of its interfaces; networks without interfaces are left out. */
export function placesOf(networking: Pick<Networking, 'store'>, container: string): Place[] {
  return placesAmong(connectionsOf(networking, container))
}

export function placesAmong(connections: readonly Connection[]): Place[] {
  return connections.flatMap(({ endpoint, network }) =>
    endpoint.active && hasInterfaces(network) ? [{ endpoint: { ...endpoint, active: endpoint.active }, network }] : [],
  )
}

/** Whether a container gets an interface on it. */
export function hasInterfaces({ definition: { driver } }: NetworkRecord): boolean {
  return driver === 'bridge' || driver === 'macvlan' || driver === 'ipvlan'
}

/** Whether containers on it find each other by name: on all but those that are there from the start. */
export function hasNames(network: NetworkRecord): boolean {
  return hasInterfaces(network) && network.name !== 'bridge'
}

/** Where published ports lead: the first network that the host routes to. */
export function publishingPlace(places: readonly Place[]): Place | undefined {
  return places.find(({ network: { definition } }) => definition.driver === 'bridge' && !definition.internal)
}

/** What of a published port is done by a rule: an address of the same family as the host's. */
export function publishedPort(port: BoundPort, { endpoint: { active } }: Place): PublishedPort[] {
  const hostAddress = parseAddress(port.hostAddress)
  const address = hostAddress.family === 4 ? active.ipv4 : active.ipv6
  if (address === undefined) return []
  const { protocol, hostPort } = port
  return [{ protocol, hostAddress, hostPort, address: parseAddress(address), port: port.port }]
}

/** What inspecting a container tells of its networks. */
export function containerNetworking(
  { store, links }: Networking,
  containers: Pick<ContainerStore, 'get'>,
  container: string,
): ContainerNetworking {
  const nameOf = (id: string) => containers.get(id)?.name ?? id
  return {
    endpoints: store.endpointsOf(container).map(({ network, networkName, settings, active }) => ({
      networkId: network,
      networkName,
      definition: store.get(network)?.definition,
      settings,
      active,
    })),
    ports: store.portsOf(container),
    links: links.of(container).map(({ target, alias }) => ({ target: nameOf(target), alias })),
    linkedFrom: links.to(container).map((link) => ({ container: nameOf(link.container), alias: link.alias })),
  }
}

/** What `host-gateway` stands for: the default bridge's gateways. */
export function gatewaysOf({ store }: Pick<Networking, 'store'>): string[] {
  const subnets = store.getByName('bridge')?.definition.subnets ?? []
  return subnets.map(({ gateway }) => gateway).filter((gateway) => gateway !== undefined)
}

/** All networks that a container's names may be on. */
export function networkIds({ store }: Pick<Networking, 'store'>): string[] {
  return store.list().map(({ id }) => id)
}
