import type { Readable, Writable } from 'node:stream'

/** A terminal as somebody uses it who waits for what appears before typing on. */
export class Terminal {
  readonly #stdin: Writable
  readonly #chunks: AsyncIterator<Buffer>
  #unread = ''

  constructor({ stdin, stdout }: { readonly stdin: Writable; readonly stdout: Readable }) {
    this.#stdin = stdin
    this.#chunks = stdout[Symbol.asyncIterator]()
  }

  type(text: string): void {
    this.#stdin.write(text)
  }

  /** Types a line; the key sends a carriage return. */
  enter(line: string): void {
    this.type(`${line}\r`)
  }

  /** What has appeared up to and with a text. */
  async until(text: string): Promise<string> {
    while (!this.#unread.includes(text)) {
      const { done, value } = await this.#next(text)
      if (done) throw new Error(`the terminal has ended without ${JSON.stringify(text)}: ${this.#unread}`)
      this.#unread += value
    }
    const end = this.#unread.indexOf(text) + text.length
    const seen = this.#unread.slice(0, end)
    this.#unread = this.#unread.slice(end)
    return seen
  }

  #next(text: string): Promise<IteratorResult<Buffer>> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`no ${JSON.stringify(text)} in a minute: ${JSON.stringify(this.#unread)}`))
      const timer = setTimeout(late, 60_000)
      this.#chunks
        .next()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  }

  /** What is still to appear until it ends. */
  async rest(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#chunks.next()
      if (done) return this.#unread
      this.#unread += value
    }
  }
}
