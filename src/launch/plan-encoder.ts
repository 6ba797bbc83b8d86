import { InvalidOptionError } from '../errors/index.js'

/** What `finish` writes into the header. */
export interface PlanOptions {
  readonly mode: number
  /** The step at which the interpreter is made to fail; tests only. */
  readonly faultStep?: number
  /** 1: the step fails with EIO without being executed. 2: the process that reaches it kills itself. */
  readonly faultKind?: number
  /** How often the program was started again by then. */
  readonly faultRound?: number
  /** Instead of a step: where between two of them the supervisor kills itself. */
  readonly faultPoint?: number
}

interface PlanFormat {
  readonly magic: number
  readonly fingerprint: number
  readonly planBytes: number
  readonly operations: number
}

const headerBytes = 32
const noFault = 0xffffffff
const firstCapacity = 32 * 1024
const loneSurrogate = /\p{Surrogate}/u

function refuse(message: string, details: Record<string, unknown>): never {
  throw new InvalidOptionError(message, { code: 'INVALID_OPTION', details })
}

/**
 * The primitive encoders of a launch plan (`native/protocol/operations.mjs` describes the format): one growing buffer, zeroed
 * when it is allocated, so that padding costs nothing.
 */
export class PlanEncoder<Name extends string> {
  /** The operations written so far; the index is the step. */
  readonly names: Name[] = []
  #bytes: Buffer = Buffer.alloc(firstCapacity)
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
  #end = headerBytes
  #operation = 0
  readonly #format: PlanFormat

  constructor(format: PlanFormat) {
    this.#format = format
  }

  /** How many operations have been written: the step of the next one. */
  get steps(): number {
    return this.names.length
  }

  protected begin(opcode: number, name: Name): void {
    if (this.names.length >= this.#format.operations) {
      refuse(`a launch plan holds at most ${this.#format.operations} operations`, { limit: this.#format.operations })
    }
    this.names.push(name)
    this.#reserve(8)
    this.#operation = this.#end
    this.#view.setUint32(this.#end, opcode, true)
    this.#end += 8
  }

  protected end(): void {
    this.#view.setUint32(this.#operation + 4, this.#end - this.#operation - 8, true)
  }

  protected u64(value: number | bigint): void {
    this.#reserve(8)
    if (typeof value === 'bigint') {
      if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value) this.#refuseNumber(value)
      this.#view.setBigUint64(this.#end, BigInt.asUintN(64, value), true)
    } else {
      if (!Number.isSafeInteger(value)) this.#refuseNumber(value)
      this.#view.setUint32(this.#end, value >>> 0, true)
      this.#view.setUint32(this.#end + 4, Math.floor(value / 0x100000000) >>> 0, true)
    }
    this.#end += 8
  }

  protected str(value: string): void {
    const start = this.#blob(value.length * 3 + 1)
    this.#end = this.#text(value, start)
    this.#view.setUint32(start - 8, this.#end - start, true)
    this.#pad(1)
  }

  protected bytes(value: Uint8Array): void {
    const start = this.#blob(value.length)
    this.#bytes.set(value, start)
    this.#view.setUint32(start - 8, value.length, true)
    this.#end = start + value.length
    this.#pad(0)
  }

  protected list(values: readonly string[]): void {
    const start = this.#blob(0)
    for (const value of values) {
      this.#reserve(value.length * 3 + 1)
      this.#end = this.#text(value, this.#end) + 1
    }
    this.#view.setUint32(start - 8, this.#end - start, true)
    this.#view.setUint32(start - 4, values.length, true)
    this.#pad(0)
  }

  protected seal(options: PlanOptions): Uint8Array {
    const { magic, fingerprint } = this.#format
    const { mode, faultStep = noFault, faultKind = 0, faultRound = 0, faultPoint = 0 } = options
    const header = [magic, fingerprint, this.#end, mode, faultStep, faultKind, faultRound, faultPoint]
    for (const [index, word] of header.entries()) this.#view.setUint32(index * 4, word, true)
    return this.#bytes.subarray(0, this.#end)
  }

  /** Reserves a blob's header and at most `size` bytes; where its data starts. */
  #blob(size: number): number {
    this.#reserve(size + 8)
    this.#end += 8
    return this.#end
  }

  /** Goes past `terminators` zero bytes and the zero padding. */
  #pad(terminators: number): void {
    const end = (this.#end + terminators + 7) & ~7
    this.#reserve(end - this.#end)
    this.#end = end
  }

  /** Writes a string without its NUL; where it ends. */
  #text(value: string, start: number): number {
    const bytes = this.#bytes
    const length = value.length
    let index = 0
    for (; index < length; index++) {
      const unit = value.charCodeAt(index)
      if (unit === 0) this.#refuseNul(value)
      if (unit >= 0x80) break
      bytes[start + index] = unit
    }
    return index === length ? start + length : this.#wideText(value, index, start + index)
  }

  /** Bytes that are not UTF-8 travel through strings as lone surrogates U+DC80..U+DCFF. */
  #wideText(value: string, from: number, start: number): number {
    if (value.includes('\0', from)) this.#refuseNul(value)
    const rest = from === 0 ? value : value.slice(from)
    if (!loneSurrogate.test(rest)) return start + this.#bytes.write(rest, start, 'utf8')
    let end = start
    for (const character of rest) {
      const point = character.codePointAt(0) as number
      if (point >= 0xdc80 && point <= 0xdcff) this.#bytes[end++] = point & 0xff
      else if (point >= 0xd800 && point <= 0xdfff) refuse('a string holds half a surrogate pair', { value })
      else end += this.#bytes.write(character, end, 'utf8')
    }
    return end
  }

  #reserve(size: number): void {
    const needed = this.#end + size + 8
    if (needed <= this.#bytes.length) return
    if (needed > this.#format.planBytes) {
      refuse(`the launch plan is larger than ${this.#format.planBytes} bytes`, { limit: this.#format.planBytes })
    }
    const grown = Buffer.alloc(Math.min(Math.max(this.#bytes.length * 2, needed), this.#format.planBytes))
    grown.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer, grown.byteOffset, grown.byteLength)
  }

  #refuseNul(value: string): never {
    refuse(`a string of the ${this.names.at(-1)} operation holds a NUL character`, {
      operation: this.names.at(-1),
      value,
    })
  }

  #refuseNumber(value: number | bigint): never {
    refuse(`a number of the ${this.names.at(-1)} operation is not a 64-bit integer: ${value}`, {
      operation: this.names.at(-1),
      value: String(value),
    })
  }
}
