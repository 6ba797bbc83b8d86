import { type Address, addressBytes, type Family } from './address.js'
import { u32 } from './messages.js'
import {
  compare,
  type Expression,
  loadConnection,
  loadDestinationType,
  loadMeta,
  loadPayload,
  loadWayBack,
  maskBits,
  type Register,
} from './nft-expressions.js'

/** Tests of packets, as sequences of expressions; they leave nothing in registers that others rely on. */
const NFPROTO_IPV4 = 2
const NFPROTO_IPV6 = 10
const RTN_LOCAL = 2
const ESTABLISHED_OR_RELATED = 0x2 | 0x4
const IPS_DST_NAT = 0x20

/** The packet came in by, or goes out by, the interface of this name. */
export function throughInterface(direction: 'iifname' | 'oifname', name: string): Expression[] {
  return [loadMeta(direction, 0), compare(0, 'equal', interfaceName(name))]
}

/** The packet came in by, or goes out by, any other interface. */
export function notThroughInterface(direction: 'iifname' | 'oifname', name: string): Expression[] {
  return [loadMeta(direction, 0), compare(0, 'unequal', interfaceName(name))]
}

export function ofFamily(family: Family): Expression[] {
  return [loadMeta('nfproto', 0), compare(0, 'equal', Buffer.from([family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6]))]
}

/** The packet's source or destination is in 127.0.0.0/8. */
export function loopbackAddress(which: 'source' | 'destination'): Expression[] {
  const offset = which === 'source' ? 12 : 16
  return [...ofFamily(4), loadPayload('network', offset, 1, 0), compare(0, 'equal', Buffer.from([127]))]
}

/** The destination is an address of this host. */
export function toThisHost(): Expression[] {
  return [loadDestinationType(0), compare(0, 'equal', u32(RTN_LOCAL))]
}

/** No route leads back to the packet's source by the interface that it came in by. Where packets arrive only. */
export function fromElsewhere(): Expression[] {
  return [loadWayBack(0), compare(0, 'equal', u32(0))]
}

/** The packet is of a connection that was let through before, or that one has opened. */
export function ofKnownConnection(): Expression[] {
  return anyBit(loadConnection('state', 0), ESTABLISHED_OR_RELATED)
}

/** The packet's connection came for a published port. */
export function ofTranslatedConnection(): Expression[] {
  return anyBit(loadConnection('status', 0), IPS_DST_NAT)
}

function anyBit(load: Expression, bits: number): Expression[] {
  return [load, maskBits(0, u32(bits)), compare(0, 'unequal', u32(0))]
}

/** How many registers an address takes. */
export function addressWords(family: Family): number {
  return family === 4 ? 1 : 4
}

/** Loads the address that a packet comes from or goes to. */
export function loadAddress(family: Family, which: 'source' | 'destination', into: Register): Expression {
  const offsets = family === 4 ? { source: 12, destination: 16 } : { source: 8, destination: 24 }
  return loadPayload('network', offsets[which], 4 * addressWords(family), into)
}

/** Loads protocol and destination port: two registers, as `serviceKey` writes them. */
export function loadService(into: Register): Expression[] {
  return [loadMeta('l4proto', into), loadPayload('transport', 2, 2, into + 1)]
}

/** The protocols that have ports, by their numbers in /etc/protocols. */
const protocols = { tcp: 6, udp: 17, sctp: 132 } as const
export type Protocol = keyof typeof protocols

/** Protocol and port as part of a set's key: each starts at a register. */
export function serviceKey(protocol: Protocol, port: number): Uint8Array {
  return Buffer.from([protocols[protocol], 0, 0, 0, ...portKey(port)])
}

/** Address and port as a map's value. */
export function endpointData(address: Address, port: number): Uint8Array {
  return Buffer.concat([addressBytes(address), portKey(port)])
}

function portKey(port: number): Uint8Array {
  return Buffer.from([port >> 8, port & 255, 0, 0])
}

/** An interface's name as the kernel compares it: sixteen bytes. */
export function interfaceName(name: string): Uint8Array {
  const bytes = Buffer.alloc(16)
  bytes.write(name)
  return bytes
}
