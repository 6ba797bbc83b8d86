/**
 * Messages of protocol buffers, as far as the sessions of builds need them: numbers and bytes by the numbers of their fields.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

/** What is no message, or has more fields than any that is known. */
export class WireError extends Error {}

/** The value of a field that is to be written: a message is bytes; undefined: there is none. */
export type WireValue = string | number | bigint | boolean | Uint8Array | undefined

/** A field that was read: a number, or bytes. */
export type ReadValue = bigint | Buffer

/** More are in no message that is known. */
const maxFields = 100_000

const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** Writes a message. Fields without a value, and those that have the default one, are left out. */
export function encode(fields: readonly (readonly [field: number, value: WireValue])[]): Buffer {
  return Buffer.concat(fields.flatMap(([field, value]) => encodeField(field, value)))
}

function encodeField(field: number, value: WireValue): readonly Uint8Array[] {
  if (value === undefined || value === '' || value === false) return []
  if (typeof value === 'object' || typeof value === 'string') {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    return [varint(BigInt((field << 3) | wireTypes.bytes)), varint(BigInt(bytes.length)), bytes]
  }
  const number = BigInt(value)
  return number === 0n ? [] : [varint(BigInt((field << 3) | wireTypes.varint)), varint(BigInt.asUintN(64, number))]
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    const more = rest > 0x7fn
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(bytes)
}

/** The fields of a message that was received. */
export class WireMessage {
  readonly #fields: ReadonlyMap<number, readonly ReadValue[]>

  /** @throws {WireError} */
  constructor(bytes: Uint8Array) {
    this.#fields = readFields(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  }

  /** Of a repeated field all, in their order. */
  all(field: number): readonly ReadValue[] {
    return this.#fields.get(field) ?? []
  }

  /** 0 when it is not there. As a signed number of 64 bits. */
  integer(field: number): bigint {
    const value = this.all(field).at(-1) ?? 0n
    if (typeof value !== 'bigint') throw new WireError(`field ${field} is no number`)
    return BigInt.asIntN(64, value)
  }

  /** The same, of what must be a number that is counted with. */
  number(field: number): number {
    const value = Number(this.integer(field))
    if (!Number.isSafeInteger(value)) throw new WireError(`field ${field} is out of range`)
    return value
  }

  /** undefined when it is not there. */
  bytes(field: number): Buffer | undefined {
    const value = this.all(field).at(-1)
    if (typeof value === 'bigint') throw new WireError(`field ${field} is a number`)
    return value
  }

  /** '' when it is not there. */
  text(field: number): string {
    return this.bytes(field)?.toString() ?? ''
  }
}

function readFields(bytes: Buffer): ReadonlyMap<number, readonly ReadValue[]> {
  const fields = new Map<number, ReadValue[]>()
  const reader = new Reader(bytes)
  for (let count = 0; !reader.isAtEnd; count++) {
    if (count === maxFields) throw new WireError('the message has too many fields')
    const key = reader.varint()
    const field = Number(key >> 3n)
    if (field < 1 || field > 0x1fffffff) throw new WireError(`invalid field ${field}`)
    const value = reader.value(Number(key & 7n))
    const values = fields.get(field)
    if (values) values.push(value)
    else fields.set(field, [value])
  }
  return fields
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  value(type: number): ReadValue {
    switch (type) {
      case wireTypes.varint:
        return this.varint()
      case wireTypes.fixed64:
        return this.#take(8).readBigUInt64LE()
      case wireTypes.bytes:
        return this.#take(Number(this.varint()))
      case wireTypes.fixed32:
        return BigInt(this.#take(4).readUInt32LE())
      default:
        throw new WireError(`unknown wire type ${type}`)
    }
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#take(1)[0] as number
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new WireError('a number is too long')
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new WireError('the message is truncated')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
