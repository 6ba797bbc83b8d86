import { invalidLayer } from './layer-errors.js'

/** A compressed block is hardly longer than what it holds, 900,000 bytes at most. */
const enoughBytes = 1_000_000
const firstOutputBytes = 1024 * 1024

/**
 * All streams of a bzip2 file. Block by block, by the parts of a library whose own stream holds whatever a megabyte of its input
 * expands to, and that may be gigabytes.
 */
export async function* unbzip2(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const [{ default: bzip2 }, { default: bitIterator }] = await Promise.all([
    import('unbzip2-stream/lib/bzip2.js'),
    import('unbzip2-stream/lib/bit_iterator.js'),
  ])
  const input = new Input(source)
  await input.fill(0)
  const bits = bitIterator(() => input.take())
  const output = new Output()
  let block = new Int32Array(0)
  let crc: number | null = null
  for (;;) {
    await input.fill(bits.bytesRead)
    if (crc === null && input.isOver(bits.bytesRead)) return
    try {
      if (crc === null) {
        const size = 100_000 * bzip2.header(bits)
        if (block.length !== size) block = new Int32Array(size)
        crc = 0
      }
      crc = bzip2.decompress(bits, output.write, block, block.length, crc)
    } catch {
      throw invalidLayer("The archive's bzip2 data is corrupt or truncated.")
    }
    const bytes = output.take()
    if (bytes.length > 0) yield bytes
  }
}

/** What is compressed, as far as it has come. */
class Input {
  readonly #source: AsyncIterator<Buffer>
  readonly #queue: Buffer[] = []
  #bytes = 0
  #isWhole = false

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Takes enough for a block. @param used bytes that were read of all */
  async fill(used: number): Promise<void> {
    while (!this.#isWhole && this.#bytes - used < enoughBytes) {
      const next = await this.#source.next()
      if (next.done === true) this.#isWhole = true
      else if (next.value.length > 0) {
        this.#queue.push(next.value)
        this.#bytes += next.value.length
      }
    }
  }

  /** The next piece; of what has ended too early there is none. */
  take(): Buffer {
    const piece = this.#queue.shift()
    if (piece === undefined) throw new Error('truncated')
    return piece
  }

  isOver(used: number): boolean {
    return this.#isWhole && used >= this.#bytes
  }
}

/** Bytes that come one at a time. */
class Output {
  #bytes = Buffer.allocUnsafe(firstOutputBytes)
  #length = 0

  readonly write = (byte: number): void => {
    if (this.#length === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], this.#length * 2)
    this.#bytes[this.#length++] = byte
  }

  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return bytes
  }
}
