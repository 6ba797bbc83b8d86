import { parseAddress } from '../network/address.js'
import type { NetworkDefinition, SubnetDefinition } from '../network/definition.js'
import { containsAddress, parseSubnet } from '../network/subnet.js'
import type { ContainerEndpoint, ContainerNetworking } from './networking.js'
import { isReachable, publishedPorts } from './ports.js'

/** `NetworkSettings` of `docker inspect`. The addresses of the first level are those of the default bridge. */
export interface InspectNetworkSettings extends InspectAddresses {
  readonly Bridge: ''
  readonly SandboxID: string
  /** The network namespace, while the container runs. */
  readonly SandboxKey: string
  /** By the container's ports; null for one that is only exposed. */
  readonly Ports: Readonly<Record<string, readonly InspectHostPort[] | null>>
  readonly HairpinMode: false
  readonly LinkLocalIPv6Address: ''
  readonly LinkLocalIPv6PrefixLen: 0
  readonly SecondaryIPAddresses: null
  readonly SecondaryIPv6Addresses: null
  /** By name, in the order they were connected. */
  readonly Networks: Readonly<Record<string, InspectEndpoint>>
}

export interface InspectAddresses {
  readonly EndpointID: string
  readonly Gateway: string
  readonly IPAddress: string
  readonly IPPrefixLen: number
  readonly IPv6Gateway: string
  readonly GlobalIPv6Address: string
  readonly GlobalIPv6PrefixLen: number
  readonly MacAddress: string
}

/** A container's place on a network. */
export interface InspectEndpoint extends InspectAddresses {
  /** What was asked for. */
  readonly IPAMConfig: { readonly IPv4Address?: string; readonly IPv6Address?: string } | null
  /** `container:alias` */
  readonly Links: readonly string[] | null
  readonly Aliases: readonly string[] | null
  readonly NetworkID: string
  readonly DriverOpts: Readonly<Record<string, string>> | null
  /** All names that lead to it, on a network with names. */
  readonly DNSNames: readonly string[] | null
}

export interface InspectHostPort {
  readonly HostIp: string
  readonly HostPort: string
}

/** What of a container its network settings depend on. */
export interface NetworkedContainer {
  readonly id: string
  readonly name: string
  /** '' : none was given. */
  readonly hostname: string
  /** 0: it does not run. */
  readonly pid: number
  /** `80/tcp`: its own and its image's. */
  readonly exposedPorts: readonly string[]
}

const noAddresses: InspectAddresses = {
  EndpointID: '',
  Gateway: '',
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  MacAddress: '',
}

export function inspectNetworkSettings(
  container: NetworkedContainer,
  networking: ContainerNetworking,
): InspectNetworkSettings {
  const { endpoints } = networking
  const onBridge = endpoints.find(({ networkName }) => networkName === 'bridge')
  const isOwn = container.pid > 0 && endpoints.length > 0
  return {
    Bridge: '',
    SandboxID: isOwn ? container.id : '',
    SandboxKey: isOwn ? `/proc/${container.pid}/ns/net` : '',
    Ports: inspectPorts(container, networking),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    ...(onBridge ? addressesOf(onBridge) : noAddresses),
    Networks: Object.fromEntries(
      endpoints.map((endpoint) => [endpoint.networkName, inspectEndpoint(container, endpoint)]),
    ),
  }
}

/** What is exposed can be reached on networks with interfaces only. */
function inspectPorts({ exposedPorts }: NetworkedContainer, { endpoints, ports }: ContainerNetworking) {
  const exposed = Object.fromEntries((isReachable(endpoints) ? exposedPorts : []).map((name) => [name, null]))
  const published = Object.entries(publishedPorts(ports)).map(([name, addresses]) => [
    name,
    addresses.map(({ hostAddress, hostPort }) => ({ HostIp: hostAddress, HostPort: String(hostPort) })),
  ])
  return sortedByKey<readonly InspectHostPort[] | null>({ ...exposed, ...Object.fromEntries(published) })
}

/** As Docker's maps are printed. */
export function sortedByKey<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)))
}

function inspectEndpoint({ id, name, hostname }: NetworkedContainer, endpoint: ContainerEndpoint): InspectEndpoint {
  const { settings, networkId, definition, networkName } = endpoint
  const { ip, ip6, links, aliases } = settings
  const hasNames = networkName !== 'bridge' && definition?.driver !== 'host' && definition?.driver !== 'null'
  const known = [...aliases, id.slice(0, 12), ...(hostname === '' ? [] : [hostname])]
  return {
    IPAMConfig:
      ip === undefined && ip6 === undefined
        ? null
        : { ...(ip !== undefined && { IPv4Address: ip }), ...(ip6 !== undefined && { IPv6Address: ip6 }) },
    Links: links.length > 0 ? links.map(({ container, alias }) => `${container}:${alias}`) : null,
    Aliases: hasNames ? known : null,
    NetworkID: networkId,
    DriverOpts: null,
    DNSNames: hasNames ? [...new Set([name, ...known])] : null,
    ...addressesOf(endpoint),
  }
}

/** What it has there while it runs. */
export function addressesOf({
  active,
  definition,
}: Pick<ContainerEndpoint, 'active' | 'definition'>): InspectAddresses {
  if (!active) return noAddresses
  const ipv4 = placeOf(active.ipv4, definition)
  const ipv6 = placeOf(active.ipv6, definition)
  return {
    EndpointID: active.id,
    Gateway: ipv4.gateway,
    IPAddress: active.ipv4 ?? '',
    IPPrefixLen: ipv4.prefix,
    IPv6Gateway: ipv6.gateway,
    GlobalIPv6Address: active.ipv6 ?? '',
    GlobalIPv6PrefixLen: ipv6.prefix,
    MacAddress: active.mac,
  }
}

/** The gateway and the prefix of the subnet that holds an address. */
function placeOf(text: string | undefined, definition: NetworkDefinition | undefined) {
  const nowhere = { gateway: '', prefix: 0 }
  if (text === undefined || !definition) return nowhere
  const address = parseAddress(text)
  const found = definition.subnets.find(({ subnet }: SubnetDefinition) => containsAddress(parseSubnet(subnet), address))
  return found ? { gateway: found.gateway ?? '', prefix: parseSubnet(found.subnet).prefix } : nowhere
}
