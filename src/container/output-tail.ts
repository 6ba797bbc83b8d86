import { StringDecoder } from 'node:string_decoder'
import { clip } from './attempts.js'
import type { Live } from './context.js'

type Stream = 'stdout' | 'stderr'

/** So much is kept: lines, and characters of each. */
interface Most {
  readonly lines: number
  readonly characters: number
}

/** The last lines that a watched program has printed, as they came. */
export class OutputTail {
  readonly #most: Most
  readonly #session: Live['session']
  readonly #lines: string[] = []
  readonly #streams = new Map<Stream, { readonly decoder: StringDecoder; begun: string }>()

  constructor({ session }: Live, most: Most) {
    this.#most = most
    this.#session = session
    session.listen({ onOutput: (stream, chunk) => this.#add(stream, chunk) })
  }

  lines(): string[] {
    const begun = [...this.#streams.values()].map(({ begun }) => begun).filter((line) => line !== '')
    return [...this.#lines, ...begun].slice(-this.#most.lines)
  }

  /** Its log goes on without us. */
  close(): void {
    this.#session.send({ type: 'attach', streams: 0 })
    this.#session.listen({})
  }

  #add(name: Stream, chunk: Buffer): void {
    const stream = this.#streams.get(name) ?? { decoder: new StringDecoder(), begun: '' }
    this.#streams.set(name, stream)
    const parts = stream.decoder.write(chunk).split('\n')
    for (const [at, part] of parts.entries()) {
      stream.begun = clip(stream.begun + part, this.#most.characters)
      if (at === parts.length - 1) break
      this.#lines.push(stream.begun.replace(/\r$/, ''))
      stream.begun = ''
    }
    this.#lines.splice(0, this.#lines.length - this.#most.lines)
  }
}
