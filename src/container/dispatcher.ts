import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Agent, buildConnector, Dispatcher } from 'undici'

/** Options of {@link Container.dispatcher}: undici's of an `Agent`; `connect` is about TLS. */
export interface ContainerDispatcherOptions extends Omit<Agent.Options, 'connect' | 'factory'> {
  /** For `https:`: `ca`, `rejectUnauthorized`, `servername` and others; `timeout` in ms for each connection, default 10,000. */
  readonly connect?: Omit<ConnectionOptions, 'host' | 'port' | 'path' | 'socket' | 'timeout'> & {
    readonly timeout?: number
  }
}

/** Connects to a port of the container. */
export type DialPort = (port: number, options: { readonly timeoutMs?: number }) => Promise<Socket>

const usualTimeoutMs = 10_000

/** An undici Agent whose connections, whatever host their requests name, lead to one container. */
export function dispatcherTo(dial: DialPort, { connect = {}, ...options }: ContainerDispatcherOptions): Dispatcher {
  // At once, where `import()` would have the caller wait; and only now: it has much to load.
  const undici = createRequire(import.meta.url)('undici') as typeof import('undici')
  const timeoutMs = connect.timeout ?? usualTimeoutMs
  const settings = { ...connect, allowH2: options.allowH2 ?? false } as buildConnector.BuildOptions
  const secure = undici.buildConnector(settings)
  const connector: buildConnector.connector = (request, callback) => {
    const isSecure = request.protocol === 'https:'
    const port = Number(request.port) || (isSecure ? 443 : 80)
    dial(port, { timeoutMs }).then(
      (socket) => {
        if (isSecure) return secure({ ...request, httpSocket: socket }, callback)
        socket.setNoDelay(true)
        callback(null, socket)
      },
      (error: Error) => callback(error, null),
    )
  }
  return new undici.Agent({ ...options, connect: connector })
}
