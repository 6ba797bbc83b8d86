import { RegistryError } from '../errors/index.js'
import type { Endpoint } from './hosts/hosts.js'
import type { RegistryRequest } from './transport.js'

/** What a request is for, as its user knows it. */
export function nameOf({ registry, scopes }: RegistryRequest): string {
  const [, name] = /^repository:([^:]+):/.exec(scopes[0] ?? '') ?? []
  if (name === undefined) return registry
  return registry === 'docker.io' ? name.replace(/^library\//, '') : `${registry}/${name}`
}

export function actionOf({ scopes }: RegistryRequest): 'pull' | 'push' {
  return /:[^:]*\bpush\b[^:]*$/.test(scopes[0] ?? '') ? 'push' : 'pull'
}

/** A URL of the registry's own, to be asked as it is. @throws {RegistryError} `REGISTRY_INVALID` for one that must not be */
export function wholeUrl(path: string, endpoint: Endpoint): URL {
  // No cause: the TypeError of URL has the whole text.
  const url = URL.canParse(path) ? new URL(path) : undefined
  const why = !url
    ? 'that is none'
    : url.username || url.password
      ? 'with credentials'
      : url.protocol === 'http:' && !endpoint.isInsecure
        ? 'of plain HTTP'
        : undefined
  if (url && why === undefined) return url
  throw new RegistryError(`${endpoint.host} gives a URL ${why}`, {
    code: 'REGISTRY_INVALID',
    details: { host: endpoint.host },
  })
}
