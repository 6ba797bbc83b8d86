/** A text or message that is not what the protocol says. */
export class WireError extends Error {}

/** Reads what SSH's data types are made of (RFC 4251, section 5), never beyond the end. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  byte(): number {
    return this.take(1).readUInt8()
  }

  uint32(): number {
    return this.take(4).readUInt32BE()
  }

  string(): Buffer {
    return this.take(this.uint32())
  }

  text(): string {
    return this.string().toString('latin1')
  }

  /** A number that is not negative, without its leading zeros. */
  mpint(): Buffer {
    const bytes = this.string()
    let start = 0
    while (start < bytes.length && bytes[start] === 0) start++
    return bytes.subarray(start)
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new WireError('what was announced is not there')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function string(value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** @param value not negative */
export function mpint(value: Buffer): Buffer {
  let start = 0
  while (start < value.length && value[start] === 0) start++
  const digits = value.subarray(start)
  // The first bit would be the sign.
  const isSigned = digits.length > 0 && (digits[0] as number) >= 0x80
  return string(isSigned ? Buffer.concat([Buffer.of(0), digits]) : digits)
}
