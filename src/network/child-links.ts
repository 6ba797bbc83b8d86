import { InvalidOptionError } from '../errors/index.js'
import { type LinkOptions, linkAttributes, linkInfo, newLink } from './links.js'
import { attribute, type Message, u16, u32 } from './messages.js'

/** Interfaces that are parts of another one. Numbers of <linux/if_link.h>. @see rtnetlink(7) */
const IFLA_LINK = 5
const IFLA_NET_NS_FD = 28
const IFLA_MACVLAN_MODE = 1
const IFLA_IPVLAN_MODE = 1
const IFLA_IPVLAN_FLAGS = 2
const IFLA_VLAN_ID = 1

/** What Docker's `macvlan_mode`, `ipvlan_mode` and `ipvlan_flag` may be, and the kernel's numbers of it. */
const macvlanModes: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 }
const ipvlanModes: Readonly<Record<string, number>> = { l2: 0, l3: 1, l3s: 2 }
const ipvlanFlags: Readonly<Record<string, number>> = { bridge: 0, private: 1, vepa: 2 }

/** A part of an interface, that is made in another network namespace. */
export interface ChildOptions extends LinkOptions {
  /** The index of the whole. */
  readonly parent: number
  /** A descriptor of the network namespace. */
  readonly namespace: number
  /** `bridge`, `l2`, ... */
  readonly mode: string
}

/** @throws {InvalidOptionError} INVALID_OPTION when there is no such mode */
export function createMacvlan(options: ChildOptions): Message {
  const mode = numberOf(macvlanModes, 'macvlan_mode', options.mode)
  return createChild(options, linkInfo('macvlan', attribute(IFLA_MACVLAN_MODE, u32(mode))))
}

/**
 * @param flag whether its containers reach each other: `bridge`, `private` or `vepa`
 * @throws {InvalidOptionError} INVALID_OPTION when there is no such mode or flag
 */
export function createIpvlan(options: ChildOptions, flag: string): Message {
  const mode = attribute(IFLA_IPVLAN_MODE, u16(numberOf(ipvlanModes, 'ipvlan_mode', options.mode)))
  const flags = attribute(IFLA_IPVLAN_FLAGS, u16(numberOf(ipvlanFlags, 'ipvlan_flag', flag)))
  return createChild(options, linkInfo('ipvlan', mode, flags))
}

function createChild(options: ChildOptions, info: Uint8Array): Message {
  const { parent, namespace } = options
  const place = [attribute(IFLA_LINK, u32(parent)), attribute(IFLA_NET_NS_FD, u32(namespace))]
  return newLink(linkAttributes(options), ...place, info)
}

/** Makes the part of an interface that has the frames with a VLAN's tag. */
export function createVlan(options: LinkOptions & { readonly parent: number; readonly vlan: number }): Message {
  const parent = attribute(IFLA_LINK, u32(options.parent))
  return newLink(linkAttributes(options), parent, linkInfo('vlan', attribute(IFLA_VLAN_ID, u16(options.vlan))))
}

/** Makes an interface that leads nowhere. */
export function createDummy(kind: 'dummy' | 'ifb', options: LinkOptions): Message {
  return newLink(linkAttributes(options), linkInfo(kind))
}

function numberOf(known: Readonly<Record<string, number>>, option: string, value: string): number {
  const number = Object.hasOwn(known, value) ? known[value] : undefined
  if (number !== undefined) return number
  const message = `unknown ${option} ${value}: give ${Object.keys(known).join(', ')}`
  throw new InvalidOptionError(message, { code: 'INVALID_OPTION', details: { option, value } })
}
