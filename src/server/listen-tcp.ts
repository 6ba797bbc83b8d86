import type { Server } from 'node:http'
import { type AddressInfo, isIP, isIPv6 } from 'node:net'
import { ConflictError } from '../errors/index.js'
import type { Listener, MakeServer } from './listeners.js'
import { closed, invalid, listening } from './listening.js'
import type { TcpOptions } from './options.js'

/** What a server with TLS is made of: it takes connections only of clients with a certificate. */
export interface TlsServerOptions {
  readonly cert: string
  readonly key: string
  readonly ca: string
  readonly requestCert: true
  readonly rejectUnauthorized: true
  readonly minVersion: 'TLSv1.2'
}

/** Listens at a TCP port: with TLS, or on a loopback address when that is asked for. */
export async function listenOverTcp(options: TcpOptions, make: MakeServer): Promise<Listener> {
  const { tls, port = tls ? 2376 : 2375 } = options
  const host = options.host === undefined || options.host === 'localhost' ? '127.0.0.1' : options.host
  if (!tls && !(options.insecure === true && isLoopback(host)))
    throw invalid('tcp', 'TCP needs tls with cert, key and ca; without it, only a loopback address with insecure: true')
  const server = tls ? secured(tls, make) : make({ isOpenToAll: true })
  await listening(server, { host, port, exclusive: true }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? inUse(host, port, error) : error
  })
  const bound = server.address() as AddressInfo
  return {
    address: `tcp://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    close: () => closed(server),
  }
}

/** Without names that somebody else resolves. */
export function isLoopback(host: string): boolean {
  return isIP(host) === 4 ? host.startsWith('127.') : isIPv6(host) && host === '::1'
}

/** @throws {InvalidOptionError} when they are no certificates and key that belong together */
function secured(tls: NonNullable<TcpOptions['tls']>, make: MakeServer): Server {
  // Of an empty one Node would make the authorities of the whole Internet.
  for (const name of ['cert', 'key', 'ca'] as const)
    if (typeof tls[name] !== 'string' || !tls[name].includes('-----BEGIN '))
      throw invalid('tcp', `tls.${name} is no PEM: give the file's content`)
  const { cert, key, ca } = tls
  try {
    return make({ tls: { cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' } })
  } catch (error) {
    throw invalid('tcp', `tls cannot be used: ${(error as Error).message}`, error)
  }
}

const inUse = (host: string, port: number, cause: unknown) =>
  new ConflictError(`port ${port} of ${host} is in use: end who has it, or choose another`, {
    code: 'PORT_IN_USE',
    cause,
    details: { host, port },
  })
