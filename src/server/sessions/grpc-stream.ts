import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'

/** No message is longer: as gRPC's own limit. */
const maxMessageBytes = 4 * 1024 * 1024
const prefixBytes = 5

/** Codes of gRPC that matter here. @see https://grpc.io/docs/guides/status-codes/ */
export const grpcCodes = { ok: 0, unknown: 2, notFound: 5, unimplemented: 12, unavailable: 14 } as const

/** What a peer has answered instead of a result. */
export class GrpcError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** A call: messages in both directions, then the peer's status. */
export class GrpcStream {
  readonly #stream: ClientHttp2Stream
  #status: GrpcError | undefined
  #hasStatus = false
  /** The peer takes no more, also where it has sent all that it has to say. */
  readonly #over: Promise<void>

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream
    this.#over = new Promise((resolve) => {
      for (const event of ['aborted', 'close']) stream.once(event, resolve)
    })
    // Told by whoever reads it.
    stream.on('error', () => {})
    stream.on('response', (headers) => this.#response(headers))
    stream.on('trailers', (trailers) => this.#take(trailers))
  }

  /** Resolves when there is room for more. */
  async send(message: Uint8Array): Promise<void> {
    const prefix = Buffer.alloc(prefixBytes)
    prefix.writeUInt32BE(message.length, 1)
    if (this.#stream.writableEnded || this.#stream.destroyed) throw this.#gone()
    this.#stream.write(prefix)
    let hasRoom = true
    const written = new Promise<void>((resolve, reject) => {
      hasRoom = this.#stream.write(message, (error) => (error ? reject(this.#gone()) : resolve()))
    })
    written.catch(() => {})
    // When the peer has ended the call, what waits for it is never told.
    if (!hasRoom) await Promise.race([written, this.#over])
    if (this.#stream.aborted) throw this.#gone()
  }

  /** No more is sent. */
  end(): void {
    this.#stream.end()
  }

  /** Ends the call, whatever its state is. */
  close(): void {
    this.#stream.destroy()
  }

  /** What the peer sends. @throws {GrpcError} its status, unless that is good */
  async *messages(): AsyncGenerator<Buffer, void, undefined> {
    let pending: Buffer[] = []
    let size = 0
    for await (const chunk of this.#chunks()) {
      pending.push(chunk)
      size += chunk.length
      if (size < prefixBytes || size < lengthOf(pending)) continue
      let bytes = Buffer.concat(pending)
      while (bytes.length >= prefixBytes && bytes.length >= lengthOf([bytes])) {
        const end = lengthOf([bytes])
        yield bytes.subarray(prefixBytes, end)
        bytes = bytes.subarray(end)
      }
      pending = bytes.length === 0 ? [] : [bytes]
      size = bytes.length
    }
    if (this.#status) throw this.#status
    if (!this.#hasStatus) throw this.#gone()
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* this.#stream as AsyncIterable<Buffer>
    } catch (error) {
      throw (error as Error).name === 'AbortError' ? error : this.#gone()
    }
  }

  #response(headers: IncomingHttpHeaders & { ':status'?: number | undefined }): void {
    if (headers[':status'] !== 200) this.#fail(grpcCodes.unknown, `HTTP status ${headers[':status']}`)
    // An error may come without anything else.
    else if (headers['grpc-status'] !== undefined) this.#take(headers)
  }

  #take(headers: IncomingHttpHeaders): void {
    this.#hasStatus = true
    const code = Number(headers['grpc-status'] ?? grpcCodes.unknown)
    if (code !== grpcCodes.ok) this.#fail(code, decoded(String(headers['grpc-message'] ?? '')))
  }

  #fail(code: number, message: string): void {
    this.#hasStatus = true
    this.#status ??= new GrpcError(code, message)
  }

  #gone(): GrpcError {
    return this.#status ?? new GrpcError(grpcCodes.unavailable, 'the client of the session is gone')
  }
}

/** Of the first message with its prefix. */
function lengthOf(chunks: readonly Buffer[]): number {
  const [first = Buffer.alloc(0)] = chunks
  const prefix = first.length >= prefixBytes ? first : Buffer.concat(chunks)
  if (prefix[0] !== 0) throw new GrpcError(grpcCodes.unknown, 'the message is compressed, which nobody has asked for')
  const length = prefix.readUInt32BE(1)
  if (length > maxMessageBytes) throw new GrpcError(grpcCodes.unknown, `the message has ${length} bytes`)
  return length + prefixBytes
}

/** What a peer says is shown: it is not believed to be well-formed. */
function decoded(message: string): string {
  const text = message.slice(0, 2000)
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
