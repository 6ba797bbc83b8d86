import { parseReference } from '../reference/reference.js'
import { openCredentials } from './auth/credentials.js'
import { registryName } from './auth/registry-name.js'
import { listCatalog } from './catalog.js'
import { createLogin } from './login.js'
import { openTransport, type TransportTuning } from './open-transport.js'
import { openRepository } from './repository.js'
import type { RepositoryTuning } from './repository-request.js'
import { searchImages } from './search.js'
import type { Registries, RegistriesOptions } from './types.js'

/** The registries, as an engine uses them: connections, tokens and credentials are shared by all that it does. */
export function openRegistries(
  options: RegistriesOptions = {},
  tuning: TransportTuning & RepositoryTuning = {},
): Registries {
  const credentials = openCredentials(options)
  const transport = openTransport(options, credentials, tuning)
  return {
    ...createLogin(transport, credentials),
    repository: ({ domain, path }, auth) =>
      openRepository({
        transport,
        registry: domain,
        path,
        familiar: parseReference(`${domain}/${path}`).familiar(),
        auth,
        tuning,
      }),
    search: (term, options, auth) => searchImages({ transport, auth, tuning }, term, options),
    async catalog(registry, { signal } = {}, auth) {
      const names: string[] = []
      const request = { transport, registry: registryName(registry), auth, tuning, signal }
      for await (const page of listCatalog(request)) for (const name of page) names.push(name)
      return names
    },
    close: () => transport.close(),
  }
}
