/**
 * Netlink messages as bytes. Numbers are in the host's byte order, which is little-endian on every platform inboard runs on,
 * except where netfilter wants the network's (`be16`, `be32`). @see netlink(7)
 */

const NLM_F_REQUEST = 0x1
const NLM_F_ACK = 0x4
const NLM_F_DUMP = 0x300
const NLA_F_NESTED = 0x8000
const headerLength = 16

/** Flags of a request that makes something: not if it is there; in place of what is there; at all; at the end of a list. */
export const NLM_F_EXCL = 0x200
export const NLM_F_REPLACE = 0x100
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

/** A message that has no sequence number yet. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly body: Uint8Array
}

/** A message that the kernel answers by an acknowledgement, or by why it refuses. */
export function request(type: number, flags: number, ...parts: readonly Uint8Array[]): Message {
  return { type, flags: NLM_F_REQUEST | NLM_F_ACK | flags, body: Buffer.concat(parts) }
}

/** A message that the kernel answers by all objects of a kind, then NLMSG_DONE. */
export function dumpRequest(type: number, ...parts: readonly Uint8Array[]): Message {
  return { type, flags: NLM_F_REQUEST | NLM_F_DUMP, body: Buffer.concat(parts) }
}

/** A message that the kernel answers only if it refuses it. */
export function silentRequest(type: number, ...parts: readonly Uint8Array[]): Message {
  return { type, flags: NLM_F_REQUEST, body: Buffer.concat(parts) }
}

/** The same message, answered only if the kernel refuses it. */
export function silently({ type, flags, body }: Message): Message {
  return { type, flags: flags & ~NLM_F_ACK, body }
}

/** The bytes of messages that are sent at once; the first has the sequence number `sequence`, the others those that follow. */
export function encodeMessages(messages: readonly Message[], sequence = 1): Uint8Array {
  return Buffer.concat(messages.map((message, at) => encodeMessage(message, sequence + at)))
}

function encodeMessage({ type, flags, body }: Message, sequence: number): Uint8Array {
  const length = headerLength + body.length
  const bytes = Buffer.alloc(align(length))
  bytes.writeUInt32LE(length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes.writeUInt32LE(sequence >>> 0, 8)
  bytes.set(body, headerLength)
  return bytes
}

/** Messages and attributes start at multiples of four bytes. */
export function align(length: number): number {
  return (length + 3) & ~3
}

/** A struct nlattr with its payload. @throws {RangeError} when the payload is longer than 65,531 bytes */
export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const length = 4 + payload.length
  // From Node's pool, which `Buffer.alloc` does not use: a start encodes dozens of these.
  const bytes = Buffer.allocUnsafe(align(length))
  bytes.writeUInt16LE(length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(payload, 4)
  return bytes.fill(0, length)
}

/** An attribute that holds attributes, or a struct and attributes. */
export function nested(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts))
}

export function u8(value: number): Uint8Array {
  return Buffer.from([value])
}

export function u16(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16LE(value)
  return bytes
}

export function u32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

export function be16(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function be32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** A string with the NUL that ends it. */
export function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`)
}
