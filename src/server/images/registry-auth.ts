import type { RegistryAuth } from '../../registry/types.js'
import type { Exchange } from '../exchange.js'

/**
 * The credentials of a request to a registry, from `X-Registry-Auth`: base64 of a JSON document, in either alphabet, with its padding
 * or without. What cannot be read is none, as in Docker. Credentials that are stored for this process are not the client's: without
 * its own, the registry is asked without any.
 */
export function registryAuthOf(exchange: Exchange): RegistryAuth {
  const header = exchange.header('x-registry-auth')
  return header === undefined ? {} : toRegistryAuth(decoded(header))
}

/** A document of credentials, as Docker's clients have it: empty texts are none. */
export function toRegistryAuth(document: unknown): RegistryAuth {
  const fields = (typeof document === 'object' && document !== null ? document : {}) as Record<string, unknown>
  const text = (name: string) => {
    const value = fields[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const [username, password] = [text('username'), text('password')]
  const [identityToken, registryToken] = [text('identitytoken'), text('registrytoken')]
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(identityToken !== undefined && { identityToken }),
    ...(registryToken !== undefined && { registryToken }),
  }
}

/** Both alphabets are read, and padding is not asked for. */
function decoded(header: string): unknown {
  try {
    return JSON.parse(Buffer.from(header, 'base64').toString())
  } catch {
    return undefined
  }
}
