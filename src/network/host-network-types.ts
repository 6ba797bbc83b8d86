import type { ActiveEndpoint, KernelNetwork } from './definition.js'
import type { LinkedPort, PublishedPort } from './ruleset.js'
import type { Subnet } from './subnet.js'

/** One batch of netlink messages of a launch plan: see `netlink` in `native/protocol/operations.mjs`. */
export interface NetlinkStep {
  readonly socket: 'host' | 'container'
  readonly messages: Uint8Array
  /** The interface whose index is written at each of `linkAt`; '': none. */
  readonly link: string
  readonly linkAt: readonly number[]
  /** Where the descriptor of the container's namespace is written. */
  readonly namespaceAt: number | undefined
}

/** An endpoint that is to be made. */
export interface EndpointLink {
  readonly network: KernelNetwork
  readonly endpoint: ActiveEndpoint
  /** Which families' default routes go through it: one endpoint of a container has each. */
  readonly defaultRoute: { readonly ipv4: boolean; readonly ipv6: boolean }
}

/** What leads to containers: elements of the firewall's maps. */
export interface Roads {
  readonly ports: readonly PublishedPort[]
  readonly links: readonly LinkedPort[]
}

/** The roads of containers that run. */
export interface RoadsNow extends Roads {
  /** Some are just starting or ending: their supervisors are about to change theirs. */
  readonly isChanging: boolean
}

/** What the kernel should have of a root: what the store knows. */
export interface WantedState extends RoadsNow {
  /** All networks with an interface of the host's: those that were made, of all drivers. */
  readonly networks: readonly KernelNetwork[]
}

/** What a root's networks have in the kernel, in the network namespace that this process is in. Nothing here forks. */
export interface HostNetwork {
  /** What new subnets must not overlap: addresses and routes of the host; those of the interface `besides` left out. */
  occupied(besides?: string): Promise<Subnet[]>
  /**
   * Makes a network's interface, its kernel parameters and its rules; the table as well when it is the first.
   * Undone as a whole when a part fails. What is there already of this very network stays.
   */
  create(network: KernelNetwork): Promise<void>
  /** Removes them, and the table with the last; what is gone already is success. */
  remove(network: KernelNetwork): Promise<void>
  /**
   * Looks, with one exchange with the kernel, whether the table and the interfaces of `networks` are there; makes what is
   * missing of them, and where there is no table all that `wanted` names.
   */
  ensure(networks: readonly KernelNetwork[], wanted: () => WantedState): Promise<void>
  /** Makes all of it again: interfaces that are missing, the table from nothing, in one transaction; other engines' rules that drop what is forwarded get their exceptions. */
  reload(wanted: () => WantedState): Promise<void>
  /** Removes the table and every interface of the root: nobody uses them any more. */
  clear(networks: readonly KernelNetwork[]): Promise<void>
  /** Gives a running container another interface. `namespace`: a descriptor of its network namespace. */
  attach(link: EndpointLink, namespace: number): Promise<void>
  /** Takes it away again; success when it is gone. Moves the default routes to `next`, if given. */
  detach(link: EndpointLink, namespace: number, next: EndpointLink | undefined): Promise<void>
  publish(ports: readonly PublishedPort[]): Promise<void>
  unpublish(ports: readonly PublishedPort[]): Promise<void>
  /** Puts right what was put and has been overtaken by a start or an end; `now`: the roads of the same keys. */
  follow(put: Roads, now: () => RoadsNow): Promise<void>
  openLinks(ports: readonly LinkedPort[]): Promise<void>
  closeLinks(ports: readonly LinkedPort[]): Promise<void>
  /**
   * Makes endpoints mute, if they still are there and their supervisor has not done it, and forgets their connections: who has
   * their addresses next is somebody else. `areMute`: it surely has.
   */
  retireEndpoints(endpoints: readonly ActiveEndpoint[], areMute: boolean): Promise<void>
  /** An nfnetlink socket for a supervisor's slot; given back when the supervisor has gone. Kept open: closing one waits. */
  takeFirewallSocket(): number
  giveFirewallSocket(fd: number): void
  close(): void
}
