import type { WaitStrategy } from '../container/wait-strategy.js'
import { isPassing, reasonOf, retry, shortPauses } from './strategy.js'

/** Options of {@link port}. */
export interface PortOptions {
  /** The address, or a name as the container resolves it. Default: its loopback, then its own addresses. */
  readonly host?: string
}

/** So long a connection is waited for that is neither taken nor refused, in ms: who listens has too much to do. */
const patienceMs = 2000

/**
 * Ready when a program of the container accepts connections on a TCP port: connected to within the container's own network,
 * so nothing needs to be published, and who listens on 127.0.0.1 only is found as well.
 *
 * @example
 * ```ts
 * const redis = await engine.run('redis:7').waitFor(port(6379))
 * ```
 */
export function port(number: number, { host }: PortOptions = {}): WaitStrategy {
  const description = `port ${number}${host === undefined ? '' : ` of ${host}`}`
  return {
    description,
    wait: ({ container, signal, attempted }) =>
      retry({ signal }, shortPauses, async () => {
        try {
          const target = { port: number, ...(host !== undefined && { host }) }
          const socket = await container.connect(target, { timeoutMs: patienceMs, signal })
          socket.destroy()
          return true
        } catch (error) {
          signal.throwIfAborted()
          if (!isOfPlace(error) && !isPassing(error)) throw error
          attempted(`connect to ${description}: ${reasonOf(error)}`)
          return false
        }
      }),
  }
}

/** A system call's: nobody listens there yet, or the name is not known yet. */
const isOfPlace = (error: unknown) => error instanceof Error && 'syscall' in error
