import type { Exchange } from './exchange.js'
import { failureOf } from './failures.js'

/** Docker's progress: an answer of JSON documents, each with `\r\n`. Nothing is sent before the first. */
export class JsonLines {
  readonly #exchange: Exchange
  #hasBegun = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Resolves when the client has room for more. @throws when the client is gone */
  async write(document: unknown): Promise<void> {
    this.begin()
    await this.#exchange.write(`${JSON.stringify(document)}\r\n`)
  }

  /** Sends the answer's head, so that the client knows that the work has begun. */
  begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#exchange.begin('application/json')
  }

  end(): void {
    this.begin()
    this.#exchange.response.end()
  }

  /** The error is the last document: the status has been sent. */
  fail(error: unknown): void {
    const { message } = failureOf(error)
    this.#exchange.response.end(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`)
  }
}
