import type { BuildAuth } from '../../engine/build-credentials.js'
import type { RegistryAuth } from '../../registry/types.js'
import type { Exchange } from '../exchange.js'
import { toRegistryAuth } from '../images/registry-auth.js'
import type { ClientSession } from '../sessions/client-session.js'
import { sessionCredentials } from '../sessions/credentials.js'

/**
 * What a client has for registries: in `X-Registry-Config`, by host, or to be asked for in its session. As with Docker, what cannot
 * be read is nothing. Credentials that are stored for this process are not the client's.
 */
export function buildCredentials(exchange: Exchange, session: ClientSession | undefined): BuildAuth {
  const header = registryConfig(exchange.header('x-registry-config'))
  if (!session || Object.keys(header).length > 0) return header
  return (registry, signal) => sessionCredentials(session, registry, signal)
}

function registryConfig(header: string | undefined): Readonly<Record<string, RegistryAuth>> {
  const document = documentOf(header ?? '')
  const entries = typeof document === 'object' && document !== null ? Object.entries(document) : []
  return Object.fromEntries(entries.map(([host, given]) => [host, toRegistryAuth(withPair(given))]))
}

function documentOf(header: string): unknown {
  try {
    return JSON.parse(Buffer.from(header, 'base64').toString())
  } catch {
    return undefined
  }
}

/** A name and a password may also come as `auth`, as in Docker's configuration file. */
function withPair(given: unknown): unknown {
  const { auth, username } = (given ?? {}) as { auth?: unknown; username?: unknown }
  if (typeof auth !== 'string' || auth === '' || username) return given
  const [, name, password] = /^([^:]+):([^\0]*)/s.exec(Buffer.from(auth, 'base64').toString()) ?? []
  return { ...(given as object), username: name, password }
}
