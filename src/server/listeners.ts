import { readFile, readlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { TlsServerOptions } from './listen-tcp.js'
import { listenOverTcp } from './listen-tcp.js'
import { listenAtPath, type Surroundings } from './listen-unix.js'
import { closed, invalid, listening } from './listening.js'
import type { ServeOptions } from './options.js'

/** One address that is served. */
export interface Listener {
  /** As `DOCKER_HOST` has it. */
  readonly address: string
  close(): Promise<void>
}

/** Where clients come from, and what is asked of them. */
export interface Entrance {
  /** Absent: connections are not encrypted. */
  readonly tls?: TlsServerOptions
  /** Whether whatever runs on this machine may connect, browsers among it. */
  readonly isOpenToAll?: boolean
}

/** Makes the server of an address. */
export type MakeServer = (entrance: Entrance) => Server

const defaultSocket = '/run/inboard/docker.sock'

/** Listens wherever the options say: at all of these addresses, or at none. */
export async function listen(
  options: ServeOptions,
  make: MakeServer,
  surroundings: Surroundings,
): Promise<readonly Listener[]> {
  const { tcp, descriptors = [] } = options
  const socket = options.socket ?? (descriptors.length === 0 && defaultSocket)
  const listeners: Listener[] = []
  try {
    if (socket !== false) listeners.push(await listenAtPath(socket, options, make({}), surroundings))
    for (const fd of descriptors) listeners.push(await listenAtDescriptor(fd, make({})))
    if (tcp) listeners.push(await listenOverTcp(tcp, make))
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()))
    throw error
  }
  if (listeners.length === 0) throw invalid('socket', 'nothing to serve at: give a socket, or tcp')
  return listeners
}

/** A socket that somebody else has made, and unlinks. */
async function listenAtDescriptor(fd: number, server: Server): Promise<Listener> {
  const path = await pathOf(fd)
  if (path === undefined)
    throw invalid('descriptors', `descriptor ${fd} is no unix socket: for TCP inboard listens by itself, with TLS`)
  await listening(server, { fd, exclusive: true })
  return { address: `unix://${path}`, close: () => closed(server) }
}

/** Where a unix socket is bound; undefined: it is none, or nowhere. @see proc_pid_net(5) */
async function pathOf(fd: number): Promise<string | undefined> {
  const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/self/fd/${fd}`).catch(() => ''))?.[1]
  if (inode === undefined) return undefined
  const line = new RegExp(`^\\S+: (?:\\S+ ){5}\\s*${inode} (/.*)$`, 'm')
  return line.exec(await readFile('/proc/self/net/unix', 'utf8'))?.[1]
}
