import type { Protocol } from './nft-matches.js'

export type NetworkDriver = 'bridge' | 'macvlan' | 'ipvlan' | 'host' | 'null'

/** One of a network's subnets, as text. @see NetworkSubnet */
export interface SubnetDefinition {
  readonly subnet: string
  /** Taken from the pools, not asked for: nobody may ask for an address of it. */
  readonly isPicked?: boolean
  readonly range?: string
  /** Complete, whether it was given or chosen. */
  readonly gateway?: string
  /** Asked for, not chosen. */
  readonly isGatewayGiven?: boolean
  readonly auxAddresses?: Readonly<Record<string, string>>
}

/** All there is to know of a network, checked and complete: what the store keeps of it. JSON-serialisable. */
export interface NetworkDefinition {
  readonly driver: NetworkDriver
  /** Reaches nothing but itself. */
  readonly internal: boolean
  readonly attachable: boolean
  readonly ipv6: boolean
  /** In the order they were given; IPv4 ones give `eth0` its first address. */
  readonly subnets: readonly SubnetDefinition[]
  /** The driver's options, as they were given. */
  readonly options: Readonly<Record<string, string>>
  readonly ipamDriver: string
  readonly ipamOptions: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** Of a bridge: the interface's name. Of macvlan and ipvlan: the parent's. Else ''. */
  readonly interface: string
  /** Bytes; undefined: the kernel's 1500, or the parent's. */
  readonly mtu?: number
  /** Whether neighbours reach each other. */
  readonly icc: boolean
  /** Whether what leaves it has the host's address. */
  readonly masquerade: boolean
  /** Where ports are published that name no address: '0.0.0.0' stands for all addresses of both families. */
  readonly hostBinding: string
  /** macvlan_mode, ipvlan_mode; '' for others. */
  readonly mode: string
}

/** A network as the kernel's side needs it. */
export interface KernelNetwork {
  /** 64 hex digits. */
  readonly id: string
  readonly definition: NetworkDefinition
}

/** What a container asks of its place on a network. JSON-serialisable. */
export interface EndpointSettings {
  readonly ip?: string
  readonly ip6?: string
  readonly mac?: string
  /** Further names on the network. */
  readonly aliases: readonly string[]
  /** Containers that it calls by names of its own: `container` as it was given, a name or an id. */
  readonly links: readonly { readonly container: string; readonly alias: string }[]
  /** The driver's options for it, as they were given. */
  readonly driverOptions?: Readonly<Record<string, string>>
}

/** What it has while it runs. */
export interface ActiveEndpoint {
  /** 64 hex digits: Docker's EndpointID. */
  readonly id: string
  readonly ipv4?: string
  readonly ipv6?: string
  /** `02:42:...` */
  readonly mac: string
  /** The host's end; '' for macvlan and ipvlan. */
  readonly hostInterface: string
  /** The container's: `eth0`. */
  readonly interface: string
  /** It came to a container that ran: what its launch plan does at its end, it does not do for this one. */
  readonly isLive?: true
}

/** A port of the host that leads to one of the container's; text, for records. JSON-serialisable. */
export interface BoundPort {
  readonly protocol: Protocol
  /** `0.0.0.0` or `::` for all addresses of the family. */
  readonly hostAddress: string
  readonly hostPort: number
  /** The container's. */
  readonly port: number
}
