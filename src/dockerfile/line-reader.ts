import { Refusal } from './failure.js'
import { limits } from './limits.js'

/** The lines of a text, one after the other. */
export class LineReader {
  readonly #text: string
  #at = 0
  #number = 0
  #next: string | undefined

  /** @throws {Refusal} there is too much of it */
  constructor(text: string | Uint8Array) {
    if (text.length > limits.bytes) throw new Refusal(`Dockerfile greater than max allowed size of ${limits.bytes}`)
    this.#text = typeof text === 'string' ? text.replace(/^\uFEFF/, '') : new TextDecoder().decode(text)
  }

  /** The number of the line that was taken last, from 1; 0 at the beginning. */
  get number(): number {
    return this.#number
  }

  /** The next line with its end, which stays; undefined at the end of the text. */
  peek(): string | undefined {
    if (this.#next !== undefined || this.#at >= this.#text.length) return this.#next
    const end = this.#text.indexOf('\n', this.#at)
    const line = end < 0 ? this.#text.slice(this.#at) : this.#text.slice(this.#at, end + 1)
    if (line.length > limits.lineLength)
      throw new Refusal(`dockerfile line greater than max allowed size of ${limits.lineLength}`)
    this.#next = line
    return line
  }

  /** The next line with its end. */
  take(): string | undefined {
    const line = this.peek()
    if (line === undefined) return undefined
    this.#at += line.length
    this.#number++
    this.#next = undefined
    return line
  }
}

/** A line without what ends it. */
export function withoutEnd(line: string): string {
  let end = line.length
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--
  return line.slice(0, end)
}
