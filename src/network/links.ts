import { attribute, type Message, NLM_F_CREATE, NLM_F_EXCL, nested, request, text, u8, u32 } from './messages.js'

/** Network interfaces by rtnetlink. Numbers of <linux/rtnetlink.h>, <linux/if_link.h>, <linux/veth.h>. @see rtnetlink(7) */
const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_SETLINK = 19
const IFF_UP = 1
const AF_INET6 = 10
const AF_BRIDGE = 7
const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_MASTER = 10
const IFLA_PROTINFO = 12
const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_AF_SPEC = 26
const IFLA_GROUP = 27
const IFLA_NET_NS_FD = 28
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const IFLA_BR_MCAST_SNOOPING = 23
const IFLA_BRPORT_STATE = 1
/** Of a bridge port: nothing comes or goes by it. */
export const BR_STATE_DISABLED = 0
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1
const VETH_INFO_PEER = 1
const loopbackIndex = 1

/** An interface by its index or its name (up to 15 bytes). */
export type LinkReference = number | string

/** What any new interface may have. */
export interface LinkOptions {
  readonly name: string
  /** Six bytes; random when absent. */
  readonly mac?: Uint8Array | undefined
  /** Bytes; 1500 when absent. */
  readonly mtu?: number | undefined
  /** A number by which many are removed at once. */
  readonly group?: number | undefined
}

/** A bridge. */
export interface BridgeOptions extends LinkOptions {
  /**
   * Whether it gets a link-local address by itself. A bridge that forwards IPv6 needs one, this or one that is given to
   * it (Docker's is fe80::1): else the host does not ask for the neighbours of those it forwards for.
   */
  readonly ipv6: boolean
}

/** Makes a bridge and raises it. Multicast snooping is off: it costs a timer for each port, and hides neighbours from IPv6. */
export function createBridge(options: BridgeOptions): Message[] {
  const info = linkInfo('bridge', attribute(IFLA_BR_MCAST_SNOOPING, u8(0)))
  return [newLink(linkAttributes(options), info), ...raiseLink(options.name, options.ipv6, options.mtu)]
}

/**
 * Asks whether the kernel can make interfaces of a kind (and loads its module, as any use does) by a name that no interface can
 * have: EINVAL when it can, EOPNOTSUPP when it does not know the kind. Nothing is made.
 */
export function queryLinkKind(kind: string): Message {
  const name = attribute(IFLA_IFNAME, text('/'))
  return newLink(name, linkInfo(kind, ...(kind === 'veth' ? [nested(VETH_INFO_PEER, linkHeader(0), name)] : [])))
}

/** How an interface is on a bridge. */
export interface PortOptions {
  /** The index of the bridge. */
  readonly master: number
  /** Whether the port may reach the bridge, but no other isolated port of it. */
  readonly isolated?: boolean | undefined
  /**
   * Whether frames may go back by the port they came from. Where br_netfilter is at work, a container that connects to
   * a published port of its own needs it: its frames are translated before they are switched.
   */
  readonly hairpin?: boolean | undefined
  /** What it says of itself: up to 255 bytes. */
  readonly alias?: string | undefined
}

/** A pair of interfaces: one on a bridge of the host, the other, its peer, in a container. */
export interface VethOptions extends LinkOptions, PortOptions {
  /** Whether the host's end gets a link-local address by itself: a bridge port needs none. */
  readonly ipv6: boolean
  readonly peer: LinkOptions & {
    /** A descriptor of the network namespace; of the process that sends the messages. */
    readonly namespace: number
  }
}

/**
 * Makes a pair with its peer inside the namespace, then raises the host's end. The peer is down: the kernel raises no
 * interface on its way to another namespace.
 */
export function createVeth(options: VethOptions): Message[] {
  const { name, peer, master, ipv6 } = options
  const alias = options.alias === undefined ? [] : [attribute(IFLA_IFALIAS, text(options.alias))]
  const namespace = attribute(IFLA_NET_NS_FD, u32(peer.namespace))
  const pair = nested(VETH_INFO_PEER, linkHeader(0), linkAttributes(peer), namespace)
  return [
    newLink(linkAttributes(options), attribute(IFLA_MASTER, u32(master)), linkInfo('veth', pair)),
    // Only what exists takes options of a bridge port and of IPv6. It has no carrier while its peer is down, so that it
    // can be raised by the same message.
    changeLink(name, IFF_UP, ...alias, ...withoutLinkLocal(ipv6, options.mtu), portOptions(options)),
  ]
}

/** Puts an interface on a bridge, as `createVeth` does with a new one. */
export function attachPort(name: string, options: PortOptions): Message[] {
  const master = attribute(IFLA_MASTER, u32(options.master))
  return [changeLink(name, 0, master), changeLink(name, IFF_UP, portOptions(options))]
}

/**
 * Makes a bridge port mute at once, in both directions: what it is paired with is not found by neighbours any more. By the
 * bridge's own message: after any other change of a port, the kernel enables it again.
 */
export function mutePort(index: number): Message {
  const state = attribute(IFLA_BRPORT_STATE, u8(BR_STATE_DISABLED))
  return request(RTM_SETLINK, 0, linkHeader(index, 0, AF_BRIDGE), nested(IFLA_PROTINFO, state))
}

/** Raises an interface; without IPv6 it gets no link-local address by itself. */
export function raiseLink(link: LinkReference, ipv6: boolean, mtu?: number): Message[] {
  // Of one message, the kernel obeys the flags first, and would make the address before it hears of the option.
  const options = withoutLinkLocal(ipv6, mtu).map((option) => changeLink(link, 0, option))
  return [...options, changeLink(link, IFF_UP)]
}

/** Raises the loopback interface of a new network namespace; the kernel gives it 127.0.0.1 and ::1 by itself. */
export function raiseLoopbackLink(): Message {
  return changeLink(loopbackIndex, IFF_UP)
}

/** Gives an interface, which must be down, another name. */
export function renameLink(index: number, name: string): Message {
  return changeLink(index, 0, attribute(IFLA_IFNAME, text(name)))
}

/** Removes an interface; of a pair, both. */
export function deleteLink(link: LinkReference): Message {
  return request(RTM_DELLINK, 0, ...reference(link, 0))
}

/** Removes all interfaces of a group, for the price of one. ENODEV when there is none. */
export function deleteLinks(group: number): Message {
  return request(RTM_DELLINK, 0, linkHeader(0), attribute(IFLA_GROUP, u32(group)))
}

export function newLink(...parts: readonly Uint8Array[]): Message {
  return request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkHeader(0), ...parts)
}

function changeLink(link: LinkReference, flags: number, ...parts: readonly Uint8Array[]): Message {
  return request(RTM_NEWLINK, 0, ...reference(link, flags), ...parts)
}

function reference(link: LinkReference, flags: number): Uint8Array[] {
  if (typeof link === 'number') return [linkHeader(link, flags)]
  return [linkHeader(0, flags), attribute(IFLA_IFNAME, text(link))]
}

/** A struct ifinfomsg; of the flags, those to be set. */
function linkHeader(index: number, flags = 0, family = 0): Uint8Array {
  const header = Buffer.alloc(16)
  header.writeUInt8(family, 0)
  header.writeInt32LE(index, 4)
  header.writeUInt32LE(flags, 8)
  header.writeUInt32LE(flags, 12)
  return header
}

export function linkAttributes({ name, mac, mtu, group }: LinkOptions): Uint8Array {
  return Buffer.concat([
    attribute(IFLA_IFNAME, text(name)),
    ...(mac ? [attribute(IFLA_ADDRESS, mac)] : []),
    ...(mtu === undefined ? [] : [attribute(IFLA_MTU, u32(mtu))]),
    ...(group === undefined ? [] : [attribute(IFLA_GROUP, u32(group))]),
  ])
}

export function linkInfo(kind: string, ...data: readonly Uint8Array[]): Uint8Array {
  return nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text(kind)), nested(IFLA_INFO_DATA, ...data))
}

/** The least that IPv6 works with: the kernel gives an interface with less nothing of it, and refuses its options. */
export const smallestIpv6Mtu = 1280

/** No address comes with the link; those that are given to it work all the same. */
function withoutLinkLocal(ipv6: boolean, mtu = smallestIpv6Mtu): Uint8Array[] {
  if (ipv6 || mtu < smallestIpv6Mtu) return []
  const mode = attribute(IFLA_INET6_ADDR_GEN_MODE, u8(IN6_ADDR_GEN_MODE_NONE))
  return [nested(IFLA_AF_SPEC, nested(AF_INET6, mode))]
}

function portOptions({ isolated = false, hairpin = false }: PortOptions): Uint8Array {
  const options = [
    attribute(IFLA_BRPORT_MODE, u8(Number(hairpin))),
    attribute(IFLA_BRPORT_ISOLATED, u8(Number(isolated))),
  ]
  const kind = attribute(IFLA_INFO_SLAVE_KIND, text('bridge'))
  return nested(IFLA_LINKINFO, kind, nested(IFLA_INFO_SLAVE_DATA, ...options))
}
