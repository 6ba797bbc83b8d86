import { type ClientHttp2Session, connect } from 'node:http2'
import type { Socket } from 'node:net'
import { GrpcError, GrpcStream, grpcCodes } from './grpc-stream.js'

/** Bytes of one call, and of all, that may be on their way. */
const windowBytes = 1024 * 1024
const sessionWindowBytes = 4 * windowBytes

/** A client of a build that serves it: HTTP/2 on a connection that it has made, on which calls go the other way. */
export class ClientSession {
  readonly id: string
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>
  readonly #session: ClientHttp2Session

  constructor(id: string, socket: Socket) {
    this.id = id
    this.#session = connect('http://localhost', {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    })
    this.#session.once('connect', () => this.#session.setLocalWindowSize(sessionWindowBytes))
    this.#session.on('error', () => socket.destroy())
    this.closed = new Promise((resolve) => this.#session.once('close', resolve))
  }

  /** A call with one message each way. @throws {GrpcError} */
  async call(method: string, message: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    const stream = this.stream(method, {}, signal)
    await stream.send(message)
    stream.end()
    let answer: Buffer | undefined
    for await (const one of stream.messages()) answer ??= one
    signal.throwIfAborted()
    if (answer) return answer
    throw new GrpcError(grpcCodes.unknown, `${method} has answered nothing`)
  }

  /** @param metadata a name may have several values */
  stream(
    method: string,
    metadata: Readonly<Record<string, string | readonly string[]>>,
    signal: AbortSignal,
  ): GrpcStream {
    signal.throwIfAborted()
    if (this.#session.destroyed || this.#session.closed)
      throw new GrpcError(grpcCodes.unavailable, 'the client of the session is gone')
    const headers = { ':method': 'POST', ':path': `/${method}`, 'content-type': 'application/grpc', te: 'trailers' }
    return new GrpcStream(this.#session.request({ ...headers, ...metadata }, { signal }))
  }

  close(): void {
    this.#session.destroy()
  }
}
