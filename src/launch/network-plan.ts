import type { NetlinkStep } from '../network/host-network-types.js'
import type { ResolverRules } from '../network/resolver-rules.js'
import { netlinkSockets, type PlanWriter, protocols } from './protocol.gen.js'
import type { ManagedFile } from './run-plan.js'

/** Which network namespace the container runs in, and what is made for it. */
export type NetworkPlan =
  | { readonly kind: 'host' }
  /** That of another container, by a descriptor in a slot. */
  | { readonly kind: 'join'; readonly slot: number }
  | OwnNetworkPlan

/** A network namespace of its own. */
export interface OwnNetworkPlan {
  readonly kind: 'own'
  /** In order: its loopback, then its interfaces. */
  readonly steps: readonly NetlinkStep[]
  /** When its program has ended: what makes its interfaces mute at once. */
  readonly endSteps: readonly NetlinkStep[]
  readonly firewall: FirewallPlan | undefined
  readonly ports: PortsPlan | undefined
  readonly names: NamesPlan | undefined
}

/** Changes of the firewall, through the socket in a slot; each is a transaction of its own. */
export interface FirewallPlan {
  readonly slot: number
  readonly add: readonly Uint8Array[]
  readonly remove: readonly Uint8Array[]
}

/** Published ports. */
export interface PortsPlan {
  /** The seccomp filter of the process that relays what no rule leads to the container. */
  readonly relayFilter: Uint8Array
  readonly held: readonly HeldPort[]
}

/** A published port's socket. */
export interface HeldPort {
  readonly slot: number
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  /** The container's address, 4 or 16 bytes, and port. */
  readonly address: Uint8Array
  readonly port: number
}

/** How the container finds others by name, and they it. */
export interface NamesPlan {
  /** `runRoot/dns` */
  readonly directory: string
  /** The file in it that tells the container's resolver of its networks: its id. */
  readonly view: string
  readonly viewContent: string
  /** The seccomp filter of the resolver. */
  readonly resolverFilter: Uint8Array
  /** What leads 127.0.0.11:53 to the resolver's sockets. */
  readonly resolverRules: ResolverRules
  /** Whether 127.0.0.11 answers from the start: it is on a network with names. */
  readonly open: boolean
  /** Its line in each network's record file. */
  readonly records: readonly { readonly path: string; readonly header: string; readonly line: string }[]
}

/** What the supervisor writes before the container exists. */
export function networkFiles(network: NetworkPlan): ManagedFile[] {
  if (network.kind !== 'own' || !network.names?.open) return []
  const { directory, view, viewContent } = network.names
  return [{ path: `${directory}/${view}`, content: viewContent }]
}

/** Makes the namespace and all that is in it, and holds what is published. */
export function writeNetwork(plan: PlanWriter, id: string, network: OwnNetworkPlan): void {
  const { steps, firewall, ports, names } = network
  plan.networkNamespace()
  for (const step of steps) writeStep(plan, step)
  if (ports) {
    plan.relay({ filter: ports.relayFilter })
    for (const { slot, protocol, address, port } of ports.held)
      plan.port({ slot, protocol: protocols[protocol], address, port })
  }
  for (const messages of firewall?.add ?? []) writeBatch(plan, netlinkSockets.slot, firewall?.slot ?? 0, messages)
  if (names) {
    const { directory, view, resolverFilter, resolverRules, open, records } = names
    const { messages, udpAt, tcpAt } = resolverRules
    const ports = { rules: messages, udpAt: words(udpAt), tcpAt: words(tcpAt) }
    plan.resolver({ directory, view, filter: resolverFilter, ...ports, open: open ? 1 : 0 })
    for (const { path, header, line } of records) plan.namesAdd({ path, header, id, line })
  }
  plan.release()
}

/** Takes back what others would take for a sign of life. Every step can be repeated, and may find nothing. */
export function writeNetworkEnding(
  plan: PlanWriter,
  id: string,
  { endSteps, firewall, names }: Pick<OwnNetworkPlan, 'endSteps' | 'firewall'> & { names: NameRecords | undefined },
): void {
  for (const step of endSteps) writeStep(plan, step)
  if (names) plan.namesRemove({ directory: names.directory, view: names.view, id })
  for (const messages of firewall?.remove ?? []) writeBatch(plan, netlinkSockets.slot, firewall?.slot ?? 0, messages)
  plan.networkEnd()
}

/** The same for who has nothing of the container's but its plan. */
export function writeNetworkUndo(plan: PlanWriter, id: string, { firewall, names }: OwnNetworkPlan): void {
  if (names) plan.namesRemove({ directory: names.directory, view: names.view, id })
  for (const messages of firewall?.remove ?? []) writeBatch(plan, netlinkSockets.filter, 0, messages)
}

/** Where a container's names are. */
export type NameRecords = Pick<NamesPlan, 'directory' | 'view'>

const nowhere = 0xffffffff

function writeStep(plan: PlanWriter, { socket, messages, link, linkAt, namespaceAt }: NetlinkStep): void {
  plan.netlink({
    socket: netlinkSockets[socket],
    slot: 0,
    messages,
    link,
    linkAt: words(linkAt),
    namespaceAt: namespaceAt ?? nowhere,
  })
}

function words(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer)
}

function writeBatch(plan: PlanWriter, socket: number, slot: number, messages: Uint8Array): void {
  plan.netlink({ socket, slot, messages, link: '', linkAt: new Uint8Array(), namespaceAt: nowhere })
}
