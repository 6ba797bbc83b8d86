import { addressOf } from '../network/address.js'
import type { NetworkDefinition, SubnetDefinition } from '../network/definition.js'
import { containsAddress, parseSubnet } from '../network/subnet.js'
import type { NamedEndpoint, NetworkRecord } from '../store/networks.js'

/** `docker network inspect`. */
export interface NetworkInspect {
  readonly Name: string
  readonly Id: string
  readonly Created: string
  readonly Scope: 'local'
  readonly Driver: string
  readonly EnableIPv6: boolean
  readonly IPAM: NetworkIpam
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: false
  readonly ConfigFrom: { readonly Network: '' }
  readonly ConfigOnly: false
  /** Those that run, by their ids. */
  readonly Containers: Readonly<Record<string, NetworkInspectContainer>>
  readonly Options: Readonly<Record<string, string>>
  readonly Labels: Readonly<Record<string, string>>
}

/** How addresses are given on a network. */
export interface NetworkIpam {
  readonly Driver: string
  readonly Options: Readonly<Record<string, string>> | null
  readonly Config: readonly NetworkIpamConfig[]
}

export interface NetworkIpamConfig {
  readonly Subnet: string
  readonly IPRange?: string
  /** When it was given, or the subnet was picked. */
  readonly Gateway?: string
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>
}

/** Addresses have their prefix length: `'172.18.0.2/16'`; `''`: none. */
export interface NetworkInspectContainer {
  readonly Name: string
  readonly EndpointID: string
  readonly MacAddress: string
  readonly IPv4Address: string
  readonly IPv6Address: string
}

export function inspectNetwork(
  { id, name, createdAtMs, definition }: NetworkRecord,
  endpoints: readonly NamedEndpoint[],
  isPredefined: boolean,
): NetworkInspect {
  return {
    Name: name,
    Id: id,
    Created: new Date(createdAtMs).toISOString(),
    Scope: 'local',
    Driver: definition.driver,
    EnableIPv6: definition.ipv6,
    IPAM: ipamOf(definition, isPredefined),
    Internal: definition.internal,
    Attachable: definition.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(endpoints.flatMap((endpoint) => inspectContainer(definition, endpoint))),
    Options: definition.options,
    Labels: definition.labels,
  }
}

export function ipamOf({ ipamDriver, ipamOptions, subnets }: NetworkDefinition, isPredefined: boolean): NetworkIpam {
  return { Driver: ipamDriver, Options: isPredefined ? null : ipamOptions, Config: subnets.map(ipamConfig) }
}

function ipamConfig({ subnet, isPicked, range, gateway, isGatewayGiven, auxAddresses }: SubnetDefinition) {
  return {
    Subnet: subnet,
    ...(range !== undefined && { IPRange: range }),
    ...(gateway !== undefined && (isPicked || isGatewayGiven) && { Gateway: gateway }),
    ...(auxAddresses && { AuxiliaryAddresses: auxAddresses }),
  }
}

function inspectContainer(
  definition: NetworkDefinition,
  { container, containerName, active }: NamedEndpoint,
): [string, NetworkInspectContainer][] {
  if (!active) return []
  const inspected = {
    Name: containerName,
    EndpointID: active.id,
    MacAddress: active.mac,
    IPv4Address: withPrefix(definition, active.ipv4),
    IPv6Address: withPrefix(definition, active.ipv6),
  }
  return [[container, inspected]]
}

function withPrefix({ subnets }: NetworkDefinition, text: string | undefined): string {
  const address = text === undefined ? undefined : addressOf(text)
  if (!address) return ''
  const subnet = subnets
    .map(({ subnet }) => parseSubnet(subnet))
    .find((candidate) => containsAddress(candidate, address))
  return subnet ? `${text}/${subnet.prefix}` : ''
}
