import { closeSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'
import { constants } from 'node:os'
import { native } from '../../host/index.js'
import type { ContainerContext } from '../context.js'
import { inNetwork } from './network-namespace.js'

/** Where a connection goes to, as the container's network namespace has it. */
export interface Destination {
  readonly address: string
  readonly family: 4 | 6
  readonly port: number
}

/**
 * Connects within the network namespace of a container.
 *
 * @throws what `net.connect` fails with: ECONNREFUSED and others; ETIMEDOUT; the reason of `signal`; {InvalidStateError} INVALID_STATE
 */
export async function dial(
  context: ContainerContext,
  id: string,
  destination: Destination,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  signal?.throwIfAborted()
  const descriptor = await inNetwork(context, id, (namespace) => native().tcpSocket(destination.family, namespace))
  const socket = toSocket(descriptor)
  await connected(socket, destination, timeoutMs, signal)
  if (!isToItself(socket)) return socket
  socket.destroy()
  throw connectError('ECONNREFUSED', destination)
}

/** Nothing is read before it is connected. */
function toSocket(fd: number): Socket {
  const options: SocketConstructorOpts & { manualStart: boolean } = {
    fd,
    readable: true,
    writable: true,
    manualStart: true,
  }
  try {
    return new Socket(options)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function connected(
  socket: Socket,
  { address, family, port }: Destination,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => fail(signal?.reason)
    const onTimeout = () => fail(connectError('ETIMEDOUT', { address, family, port }))
    const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(onTimeout, timeoutMs)
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.off('connect', onConnect)
      socket.off('error', fail)
    }
    const onConnect = () => {
      settle()
      resolve()
    }
    const fail = (error: unknown) => {
      settle()
      // What is destroyed may have an error of its own on the way.
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    signal?.addEventListener('abort', onAbort)
    socket.on('connect', onConnect)
    socket.on('error', fail)
    // The handle that is there is what is connected; an address needs no lookup.
    socket.connect({ host: address, port, family })
  })
}

/** A port that the kernel gives to whoever connects may be the very one that is connected to: then nobody else is there. */
function isToItself({ localAddress, localPort, remoteAddress, remotePort }: Socket): boolean {
  return localPort === remotePort && localAddress === remoteAddress
}

const errnos: Readonly<Record<string, number>> = constants.errno

/** An error as `net.connect` has it. */
export function connectError(code: 'ECONNREFUSED' | 'ETIMEDOUT', { address, port }: Destination): Error {
  const facts = { errno: -(errnos[code] ?? 0), code, syscall: 'connect', address, port }
  return Object.assign(new Error(`connect ${code} ${address}:${port}`), facts)
}
