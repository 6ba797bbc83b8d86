import { AuthError, InvalidOptionError } from '../errors/index.js'
import type { Credentials } from './auth/credentials.js'
import { registryName } from './auth/registry-name.js'
import { dockerHub } from './hosts/hosts.js'
import type { RegistryTransport } from './open-transport.js'
import type { LoginOptions, Registries, RegistryAuth } from './types.js'

/**
 * Login and logout. A login without credentials verifies those that are stored.
 *
 * @see https://docs.docker.com/reference/cli/docker/login/
 */
export function createLogin(
  transport: Pick<RegistryTransport, 'verify'>,
  credentials: Credentials,
): Pick<Registries, 'login' | 'verify' | 'logout'> {
  return {
    async login(options) {
      const { signal } = options
      signal?.throwIfAborted()
      const registry = registryName(options.registry ?? dockerHub)
      const auth = givenIn(options) ?? (await credentials.lookup(registry, signal))
      if (!auth) throw noCredentials(registry)
      const verified = await transport.verify(registry, auth, signal)
      await credentials.store(registry, verified, signal)
    },
    async verify(options) {
      const { signal } = options
      signal?.throwIfAborted()
      const registry = registryName(options.registry ?? dockerHub)
      const auth = givenIn(options)
      if (!auth) throw noCredentials(registry)
      return transport.verify(registry, auth, signal)
    },
    async logout(registry = dockerHub, { signal } = {}) {
      signal?.throwIfAborted()
      await credentials.erase(registryName(registry), signal)
    },
  }
}

/** Undefined when nothing is given. */
function givenIn({ username, password, identityToken }: LoginOptions): RegistryAuth | undefined {
  if (identityToken !== undefined) return { ...(username !== undefined && { username }), identityToken }
  if (username === undefined && password === undefined) return undefined
  if (username === undefined || password === undefined || username === '' || username.includes(':')) {
    throw new InvalidOptionError('a login needs a username without a colon and its password', {
      code: 'INVALID_OPTION',
      details: { option: password === undefined ? 'password' : 'username' },
    })
  }
  return { username, password }
}

function noCredentials(registry: string): AuthError {
  return new AuthError(`no credentials are stored for ${registry}: give a username and a password`, {
    code: 'UNAUTHORIZED',
    details: { registry },
  })
}
