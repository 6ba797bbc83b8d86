import { encodeName } from '../../layer/index.js'

const firstWords = 16 * 1024

/** Words of 32 bits and names among them, gathered in one growing piece of memory: an object for each would cost more than all else. */
export class WordWriter {
  #words = new Uint32Array(firstWords)
  /** The same memory. */
  #bytes = Buffer.from(this.#words.buffer)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Makes place for as many words, which are zero. @returns where they begin in {@link words}, until the next call */
  reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#words.length) {
      const words = new Uint32Array(Math.max(this.#length, this.#words.length * 2))
      words.set(this.#words)
      this.#words = words
      this.#bytes = Buffer.from(words.buffer)
    }
    return at
  }

  get words(): Uint32Array {
    return this.#words
  }

  /** The bytes of a name, then zeros up to the next word. @returns how many bytes it has */
  name(text: string): number {
    const isAscii = /^[\x20-\x7e]*$/.test(text)
    const bytes = isAscii ? undefined : encodeName(text)
    const length = bytes?.length ?? text.length
    const from = this.reserve(wordsOf(length)) * 4
    if (bytes === undefined) this.#bytes.write(text, from, 'latin1')
    else this.#bytes.set(bytes, from)
    return length
  }

  /** What has been written. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length * 4)
  }
}

/** How many words bytes fill. */
export function wordsOf(bytes: number): number {
  return (bytes + 3) >>> 2
}
