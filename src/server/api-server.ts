import { setMaxListeners } from 'node:events'
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Engine } from '../engine/engine.js'
import { refusingPages } from './browsers.js'
import type { Surroundings } from './listen-unix.js'
import { type Entrance, type Listener, listen } from './listeners.js'
import { refuseConnection } from './malformed.js'
import type { ServeOptions } from './options.js'
import { answering } from './router.js'
import { serverState } from './state.js'

const limits = {
  // Bytes of a request's headers: credentials for registries come in them.
  maxHeaderSize: 64 * 1024,
  // Who has not sent its headers by then is let go.
  headersTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  // Contexts of builds come as slowly as they are made.
  requestTimeout: 0,
  keepAliveTimeout: 120_000,
} as const satisfies ServerOptions

/** Of the handshake of TLS: before it, nobody knows who is there. */
const handshakeTimeout = 10_000

/**
 * The Docker Engine API, served for an engine. It ends with `close()`, or with the engine; containers go on. Whoever may connect to it is root on
 * this machine.
 *
 * @example
 * ```ts
 * await using server = await engine.serve({ socket: '/run/inboard/docker.sock' })
 * console.log(server.addresses)   // ['unix:///run/inboard/docker.sock']
 * ```
 */
export class ApiServer implements AsyncDisposable {
  /** Where it is reached, as `DOCKER_HOST` has it. */
  readonly addresses: readonly string[]
  /** Resolves when it has been closed. */
  readonly closed: Promise<void>
  readonly #listeners: readonly Listener[]
  readonly #closing: AbortController
  #close: Promise<void> | undefined
  #resolveClosed!: () => void

  /** @internal */
  constructor(listeners: readonly Listener[], closing: AbortController) {
    this.#listeners = listeners
    this.#closing = closing
    this.addresses = listeners.map(({ address }) => address)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  /** Takes no more connections, and ends those that there are: what they own is stopped, containers go on. */
  close(): Promise<void> {
    this.#close ??= this.#end()
    return this.#close
  }

  async #end(): Promise<void> {
    this.#closing.abort(new Error('the server is closed'))
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    this.#resolveClosed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Serves the API of an engine.
 *
 * @param closingEngine fires when the engine is closed, and the server with it
 * @param exclusively the engine's: what is done under the lock of a file
 */
export async function serve(
  engine: Engine,
  options: ServeOptions,
  closingEngine: AbortSignal,
  exclusively: Surroundings['exclusively'],
): Promise<ApiServer> {
  options.signal?.throwIfAborted()
  const closing = new AbortController()
  // As many follow something as there are clients.
  setMaxListeners(0, closing.signal)
  const answer = answering(engine, serverState(closing.signal))
  const listeners = await listen(options, (entrance) => serverOf(entrance, answer), {
    runRoot: engine.runRoot,
    exclusively,
  })
  const server = new ApiServer(listeners, closing)
  for (const signal of [closingEngine, ...(options.signal ? [options.signal] : [])]) {
    if (signal.aborted) void server.close()
    else signal.addEventListener('abort', () => void server.close(), { once: true })
  }
  return server
}

function serverOf({ tls, isOpenToAll = false }: Entrance, answer: ReturnType<typeof answering>): Server {
  const server = tls ? createTlsServer({ ...limits, ...tls, handshakeTimeout }) : createServer(limits)
  server.on('request', isOpenToAll ? refusingPages(answer) : answer)
  server.on('clientError', refuseConnection)
  // Nobody is led elsewhere.
  server.on('connect', (_, socket) => refuseConnection({ code: 'CONNECT' }, socket))
  return server
}
