import type { Reference } from '../reference/reference.js'
import type { RegistryAuth } from '../registry/types.js'

/**
 * Credentials of one build: by registry, or asked for when a registry is first spoken to. A registry that there are none for is
 * asked without any.
 */
export type BuildAuth =
  | Readonly<Record<string, RegistryAuth>>
  | ((registry: string, signal: AbortSignal) => Promise<RegistryAuth | undefined>)

/** Finds what a build has for the registry of a name. */
export type BuildCredentials = (reference: Pick<Reference, 'domain'>) => Promise<RegistryAuth | undefined>

/** Each registry is asked for once. */
export function credentialsOf(auth: BuildAuth | undefined, signal: AbortSignal): BuildCredentials {
  const known = new Map<string, Promise<RegistryAuth | undefined>>()
  const find = async (domain: string) => {
    if (auth === undefined) return undefined
    if (typeof auth === 'function') return (await auth(domain, signal)) ?? {}
    const { registryName } = await import('../registry/auth/registry-name.js')
    // A key that is no registry's is of somebody else, and nothing to us.
    const isOf = (key: string) => {
      try {
        return registryName(key) === registryName(domain)
      } catch {
        return false
      }
    }
    return Object.entries(auth).find(([key]) => isOf(key))?.[1] ?? {}
  }
  return ({ domain }) => {
    const found = known.get(domain) ?? find(domain)
    known.set(domain, found)
    return found
  }
}
