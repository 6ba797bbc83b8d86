import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { untilAborted } from '../aborts.js'
import type { HttpProxy } from './proxies.js'
import { tunnel } from './tunnel.js'

export type Connector = buildConnector.connector

export interface DialOptions {
  /** undici's own: TCP, and TLS over it. */
  readonly toTarget: Connector
  readonly toProxy?: Connector
  readonly proxy?: HttpProxy | undefined
  readonly timeoutMs: number
}

/**
 * Connections on their way to be made. undici tells nobody of a request that is aborted before it is connected, and lets
 * the connection be made to its end: with this, it ends with the last request that waits for it.
 */
export class Dialing {
  readonly #dialed = new Map<string, Set<Socket>>()
  readonly #waiting = new Map<string, number>()
  readonly #failures = new WeakSet<Error>()

  /** Whether an error is that of a connection that was never made, so that nothing was sent. */
  isConnectFailure(error: unknown): boolean {
    return error instanceof Error && this.#failures.has(error)
  }

  connector({ toTarget, toProxy, proxy, timeoutMs }: DialOptions): Connector {
    return (options, callback) => {
      const origin = `${options.protocol}//${options.host}`
      const sockets = this.#dialed.get(origin) ?? new Set<Socket>()
      this.#dialed.set(origin, sockets)
      let isOver = false
      const end: buildConnector.Callback = (...result) => {
        if (isOver) return
        isOver = true
        if (dialed instanceof Object) sockets.delete(dialed)
        if (sockets.size === 0) this.#dialed.delete(origin)
        if (result[0] instanceof Error) this.#failures.add(result[0])
        callback(...result)
      }
      const dialed =
        proxy && toProxy ? tunnel({ proxy, toProxy, toTarget, timeoutMs }, options, end) : dial(toTarget, options, end)
      if (dialed && !isOver) sockets.add(dialed)
      return dialed
    }
  }

  /** Has a request wait for the answer of an origin; ends with it, or with the signal. */
  async waiting<Answer>(origin: string, signal: AbortSignal, answer: () => Promise<Answer>): Promise<Answer> {
    this.#waiting.set(origin, (this.#waiting.get(origin) ?? 0) + 1)
    try {
      return await untilAborted(answer(), signal)
    } finally {
      const left = (this.#waiting.get(origin) ?? 1) - 1
      if (left > 0) this.#waiting.set(origin, left)
      else this.#waiting.delete(origin)
      if (left === 0 && signal.aborted) this.#hangUp(origin)
    }
  }

  #hangUp(origin: string): void {
    // A request that comes in this very moment fails with it, and is tried again.
    const error = Object.assign(new Error('nobody waits for the connection any more'), { code: 'ECONNABORTED' })
    for (const socket of this.#dialed.get(origin) ?? []) socket.destroy(error)
  }
}

/** undici's connectors return their socket, though their type does not say so. */
export function dial(connector: Connector, options: buildConnector.Options, callback: buildConnector.Callback): Socket {
  return connector(options, callback) as unknown as Socket
}
