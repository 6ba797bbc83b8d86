const maxBytes = 64 * 1024
const maxLines = 100

/** The end of what a program writes, of all its streams as it came. */
export class OutputTail {
  readonly #chunks: Buffer[] = []
  #bytes = 0

  push(chunk: Buffer): void {
    // A copy: what is kept of a large chunk would keep all of it.
    const kept = Buffer.from(chunk.subarray(-maxBytes))
    this.#chunks.push(kept)
    this.#bytes += kept.length
    for (let first = this.#chunks[0]; first && this.#bytes - first.length >= maxBytes; first = this.#chunks[0]) {
      this.#chunks.shift()
      this.#bytes -= first.length
    }
  }

  get text(): string {
    const text = Buffer.concat(this.#chunks).subarray(-maxBytes).toString()
    const lines = text.split('\n')
    const isEnded = lines.at(-1) === ''
    return lines.slice(-maxLines - (isEnded ? 1 : 0)).join('\n')
  }
}
