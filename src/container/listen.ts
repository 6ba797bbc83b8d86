import { closeSync } from 'node:fs'
import { createServer, isIP, type Server } from 'node:net'
import { native } from '../host/index.js'
import { addressBytes, parseAddress } from '../network/address.js'
import { linkedSignal } from './abortable.js'
import { checkPort } from './connect.js'
import { bindToRun } from './connections/bound-socket.js'
import { inNetwork } from './connections/network-namespace.js'
import { resolveName } from './connections/resolve.js'
import { endWithRun } from './connections/run-bound.js'
import type { ContainerContext } from './context.js'

/** Options of {@link Container.listen}. */
export interface ContainerListenOptions {
  /**
   * The address to listen on, or a name as the container resolves it: `'127.0.0.1'`, the default, is for its own programs;
   * `'0.0.0.0'` also for the others of its networks.
   */
  readonly host?: string
  /** Closes the server. */
  readonly signal?: AbortSignal
}

const IPPROTO_TCP = 6

/** Listens within a container's network namespace, until its run is over. */
export async function listenIn(
  context: ContainerContext,
  id: string,
  port: number,
  { host = '127.0.0.1', signal }: ContainerListenOptions,
): Promise<Server> {
  checkPort('listen', port, 0)
  const address = await addressOf(context, id, host, signal)
  const attempt = context.containers.get(id)?.attempt ?? 0
  const held = await inNetwork(context, id, (namespace) =>
    native().holdPort(IPPROTO_TCP, addressBytes(parseAddress(address)), port, 0, namespace),
  )
  const server = createServer((socket) => void bindToRun(context, id, attempt, socket))
  await listening(server, held.fd)
  const close = () => void server.close()
  const unbind = endWithRun(context, id, attempt, close)
  server.once('close', () => {
    unbind()
    signal?.removeEventListener('abort', close)
  })
  signal?.addEventListener('abort', close, { once: true })
  if (signal?.aborted) {
    close()
    throw signal.reason
  }
  return server
}

async function addressOf(
  context: ContainerContext,
  id: string,
  host: string,
  aborted: AbortSignal | undefined,
): Promise<string> {
  if (isIP(host) !== 0) return host
  const { signal, unlink } = linkedSignal(aborted, context.closing)
  try {
    const [first] = await resolveName(context, id, host, [4, 6], signal)
    return first?.address ?? '127.0.0.1'
  } finally {
    unlink()
  }
}

/** The descriptor is the server's, or closed. */
function listening(server: Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('listening', () => {
      server.off('error', fail)
      resolve()
    })
    const fail = (error: Error) => {
      closeSync(fd)
      reject(error)
    }
    server.once('error', fail)
    server.listen({ fd, exclusive: true })
  })
}
