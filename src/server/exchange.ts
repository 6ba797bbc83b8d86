import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BaseIssue, BaseSchema, InferOutput } from 'valibot'
import type { Engine } from '../engine/engine.js'
import { hijack, takeOver } from './connection.js'
import { ApiError, failureOf } from './failures.js'
import { JsonLines } from './json-lines.js'
import { Query } from './query.js'
import type { ServerState } from './state.js'

/** Documents are small; what is large comes as a tar. */
const bodyLimit = 8 * 1024 * 1024
/** For so long the rest of a body is read whose request is answered already. */
const patienceMs = 10_000

type Schema = BaseSchema<unknown, unknown, BaseIssue<unknown>>

/** A request and its answer. */
export class Exchange {
  readonly engine: Engine
  /** What the server has beside the engine. */
  readonly state: ServerState
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Of the path. */
  readonly parameters: Readonly<Record<string, string>>
  readonly query: Query
  /** Of the API, as the client wants it: 41 is 1.41. */
  readonly minor: number
  /** Fires when the client is gone before the answer has ended, or the server closes. */
  readonly signal: AbortSignal
  readonly #gone = new AbortController()
  #lines: JsonLines | undefined
  #isHijacked = false

  constructor(parts: {
    readonly engine: Engine
    readonly state: ServerState
    readonly request: IncomingMessage
    readonly response: ServerResponse
    readonly parameters: Readonly<Record<string, string>>
    readonly query: URLSearchParams
    readonly minor: number
  }) {
    this.engine = parts.engine
    this.state = parts.state
    this.request = parts.request
    this.response = parts.response
    this.parameters = parts.parameters
    this.query = new Query(parts.query)
    this.minor = parts.minor
    this.signal = this.#gone.signal
    this.#watch()
  }

  /**
   * Leaves nothing with the server's signal when the exchange is over: it sees many. By the connection too: an answer that waits
   * for the one before it has none, and hears nothing of its end.
   */
  #watch(): void {
    const { closing } = this.state
    const { socket } = this.request
    const onClosing = () => this.#gone.abort(closing.reason)
    const onClose = () => {
      closing.removeEventListener('abort', onClosing)
      socket.off('close', onClose)
      if (!this.response.writableFinished) this.#leave()
    }
    if (closing.aborted) onClosing()
    else closing.addEventListener('abort', onClosing, { once: true })
    // As many as somebody asks at once.
    socket.setMaxListeners(0)
    socket.once('close', onClose)
    this.response.once('close', () => this.#isHijacked || onClose())
  }

  /** A part of the path. */
  parameter(name: string): string {
    return this.parameters[name] ?? ''
  }

  /** A header of the request, its values joined. */
  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /**
   * The request's body: a JSON document of at most 8 MiB.
   *
   * @throws {ApiError} 400 when it is not what the schema says; 413
   */
  async body<Wanted extends Schema>(schema: Wanted): Promise<InferOutput<Wanted>> {
    const { parse } = await import('./validation.js')
    return parse(schema, await this.#document())
  }

  /** The request's body as it comes. It fails when the client goes; who destroys it leaves the connection for the answer. */
  input(): Readable {
    const body = this.request.pipe(new PassThrough())
    this.request.once('error', (error) => body.destroy(error))
    // Nobody may be reading it any more.
    body.on('error', () => {})
    return body
  }

  async #document(): Promise<unknown> {
    const text = (await this.#bytes()).toString()
    if (text.trim() === '') return undefined
    const type = this.header('content-type') ?? ''
    if (!/^application\/json\s*(;|$)/i.test(type))
      throw new ApiError(400, `Content-Type specified (${type}) must be 'application/json'`)
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new ApiError(400, `invalid JSON: ${(error as Error).message}`)
    }
  }

  async #bytes(): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    // What is left of one that is too long is for who answers so.
    for await (const chunk of this.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > bodyLimit) throw new ApiError(413, `the request is larger than ${bodyLimit} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  /** Answers with a document. */
  json(status: number, document: unknown): void {
    const text = Buffer.from(`${JSON.stringify(document)}\n`)
    this.response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length }).end(text)
  }

  /** Answers without one: 204, 304. */
  empty(status: 200 | 201 | 204 | 304, headers: Readonly<Record<string, string>> = {}): void {
    this.response
      .writeHead(status, status === 200 || status === 201 ? { 'Content-Length': 0, ...headers } : headers)
      .end()
  }

  /** Answers with bytes as they come, at the client's pace. Ends what makes them when the client is gone. */
  async stream(source: Readable, contentType: string): Promise<void> {
    this.begin(contentType)
    await pipeline(source, this.response, { signal: this.state.closing }).catch((error: unknown) => {
      // Too late for another answer: a stream without its end tells.
      this.response.destroy(error as Error)
    })
  }

  /** Begins an answer without a length: its head goes at once. */
  begin(contentType: string): void {
    this.response.writeHead(200, { 'Content-Type': contentType })
    this.response.flushHeaders()
  }

  /** Writes a part of the answer; resolves when the client has room for more. @throws the signal's reason when the client is gone */
  async write(chunk: string | Uint8Array): Promise<void> {
    this.signal.throwIfAborted()
    if (!this.response.write(chunk)) await once(this.response, 'drain', { signal: this.signal })
  }

  /** The answer as one JSON document after the other: progress. What is thrown later is the last of them. */
  lines(): JsonLines {
    this.#lines ??= new JsonLines(this)
    return this.#lines
  }

  /**
   * Takes the connection out of HTTP: see {@link hijack}. The signal fires when it is closed. The request's body must have been
   * read. Who takes it ends it.
   */
  hijack(headers: Readonly<Record<string, string>> = {}): Socket {
    return this.#taken(hijack(this.request, this.response, headers))
  }

  /** The same without an answer: who takes the connection gives it. */
  takeOver(): Socket {
    return this.#taken(takeOver(this.response))
  }

  #taken(socket: Socket): Socket {
    this.#isHijacked = true
    const close = () => socket.destroy()
    this.state.closing.addEventListener('abort', close, { once: true })
    socket.once('close', () => this.state.closing.removeEventListener('abort', close))
    return socket
  }

  /** Answers with an error, in whatever way is left. */
  fail(error: unknown): void {
    if (this.signal.aborted || this.#isHijacked) return void this.response.destroy()
    if (this.#lines?.hasBegun) return void this.#lines.fail(error)
    if (this.response.headersSent) return void this.response.destroy()
    const { status, message } = failureOf(error)
    if (!this.request.complete) this.#discard()
    this.json(status, { message })
  }

  /** Who still sends sees the answer only when that is read: for a while it is. */
  #discard(): void {
    const { request } = this
    request.resume()
    const timer = setTimeout(() => request.complete || request.socket.destroy(), patienceMs).unref()
    request.once('close', () => clearTimeout(timer))
  }

  #leave(): void {
    this.#gone.abort(new ApiError(499, 'the client is gone'))
  }
}
