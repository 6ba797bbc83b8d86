import type { Server } from 'node:http'
import type { ListenOptions } from 'node:net'
import { InvalidOptionError } from '../errors/index.js'

/** Connections that nobody has taken yet: as many as the kernel allows by itself. Who comes to a socket of more is refused. */
const mostWaiting = 4096

/** Resolves when a server listens. @throws why it cannot */
export function listening(server: Server, options: ListenOptions & { readonly fd?: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...options, backlog: mostWaiting }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Ends a server and its connections; resolves when none is left. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

export const invalid = (option: string, message: string, cause?: unknown) =>
  new InvalidOptionError(message, { code: 'INVALID_OPTION', cause, details: { option } })
