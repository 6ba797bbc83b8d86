import { failure } from './failures.js'
import { pages } from './pages.js'
import type { PatienceTuning } from './patience.js'
import type { Transport } from './transport.js'
import type { RegistryAuth } from './types.js'

/** As many as a registry gives at once where its operator has not said otherwise. */
const pageSize = 1000

const namePattern = /^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/
const maxNameLength = 255

export interface CatalogRequest {
  readonly transport: Transport
  readonly registry: string
  readonly auth: RegistryAuth | undefined
  readonly tuning: PatienceTuning
  readonly signal: AbortSignal | undefined
}

/**
 * The repositories of a registry, page by page.
 *
 * @see https://distribution.github.io/distribution/spec/api/#listing-repositories
 */
export function listCatalog({ transport, registry, auth, tuning, signal }: CatalogRequest) {
  return pages({
    path: `/v2/_catalog?n=${pageSize}`,
    key: 'repositories',
    what: `the catalog of ${registry}`,
    isItem: (name) => name.length <= maxNameLength && namePattern.test(name),
    ask: (path) => transport.request({ registry, method: 'GET', path, scopes: ['registry:catalog:*'], auth, signal }),
    async accept(response) {
      if (response.status !== 200) throw await failure(response, registry)
    },
    tuning,
    signal,
  })
}
