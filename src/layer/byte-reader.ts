/** Reads exact lengths from an async iterable of chunks. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #chunk: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next `length` bytes; fewer only at the end of the source. */
  async take(length: number): Promise<Buffer> {
    const bytes = await this.peek(length)
    this.#chunk = this.#chunk.subarray(bytes.length)
    return bytes
  }

  /** As {@link take}, but the bytes stay unread. */
  async peek(length: number): Promise<Buffer> {
    while (this.#chunk.length < length) {
      const next = await this.#source.next()
      if (next.done === true) break
      const bytes = asBuffer(next.value)
      this.#chunk = this.#chunk.length === 0 ? bytes : Buffer.concat([this.#chunk, bytes])
    }
    return this.#chunk.subarray(0, length)
  }

  /** Everything that is left. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    try {
      if (this.#chunk.length > 0) yield this.#chunk
      for (;;) {
        const next = await this.#source.next()
        if (next.done === true) return
        yield asBuffer(next.value)
      }
    } finally {
      await this.close()
    }
  }

  /** Tells the source that no more is wanted. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
