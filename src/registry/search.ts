import { listCatalog } from './catalog.js'
import { invalidAnswer } from './digests.js'
import { failure, isObject, parseObject, textOf } from './failures.js'
import type { PatienceTuning } from './patience.js'
import { getDocument } from './repository-request.js'
import { normalizeSearch, type SearchRequest } from './search-options.js'
import type { Transport } from './transport.js'
import type { RegistryAuth, SearchOptions, SearchResult } from './types.js'

/** Docker Hub's search is at another host than its registry. */
const hubSearch = 'https://index.docker.io/v1/search'

/** Where a search is done. */
export interface SearchContext {
  readonly transport: Transport
  readonly auth: RegistryAuth | undefined
  readonly tuning: PatienceTuning
}

/**
 * Searches Docker Hub, or a registry of one's own: by its `/v1/search`, or where it has none in its catalog.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION`, with Docker's message; {RegistryError}; {AuthError}
 * @see https://github.com/moby/moby/blob/master/api/docs/v1.41.yaml ImageSearch
 */
export async function searchImages(
  context: SearchContext,
  term: string,
  options: SearchOptions = {},
): Promise<SearchResult[]> {
  const request = normalizeSearch(term, options)
  options.signal?.throwIfAborted()
  const found =
    (await askIndex(context, request, options.signal)) ?? (await askCatalog(context, request, options.signal))
  return found.filter(request.isWanted).slice(0, request.limit)
}

/** Undefined when there is no such thing. */
async function askIndex(
  { transport, auth, tuning }: SearchContext,
  { registry, isHub, term, limit }: SearchRequest,
  signal: AbortSignal | undefined,
): Promise<SearchResult[] | undefined> {
  const path = `${isHub ? hubSearch : '/v1/search'}?${new URLSearchParams({ q: term, n: String(limit) })}`
  const what = `the search for ${JSON.stringify(term)} at ${registry}`
  let isThere = true
  const { bytes } = await getDocument(
    () => transport.request({ registry, method: 'GET', path, scopes: [], auth, signal }),
    what,
    async (response) => {
      isThere = response.status !== 404 || isHub
      if (isThere && response.status !== 200) throw await failure(response, term)
    },
    tuning,
    signal,
  )
  return isThere ? resultsOf(bytes, what) : undefined
}

async function askCatalog(
  { transport, auth, tuning }: SearchContext,
  { registry, term, limit }: SearchRequest,
  signal: AbortSignal | undefined,
): Promise<SearchResult[]> {
  const found: SearchResult[] = []
  for await (const page of listCatalog({ transport, registry, auth, tuning, signal })) {
    for (const name of page)
      if (name.includes(term)) found.push({ name, description: '', stars: 0, official: false, automated: false })
    if (found.length >= limit) break
  }
  return found
}

function resultsOf(bytes: Buffer, what: string): SearchResult[] {
  const document = parseObject(bytes.toString('utf8'))
  const results = document?.results ?? []
  if (document && Array.isArray(results) && results.every(isObject)) return results.map(resultOf)
  throw invalidAnswer(`${what} was answered with something else than a list of results`, what)
}

function resultOf(result: Record<string, unknown>): SearchResult {
  return {
    name: textOf(result.name),
    description: textOf(result.description),
    stars: Number.isSafeInteger(result.star_count) ? (result.star_count as number) : 0,
    official: result.is_official === true,
    automated: result.is_automated === true,
  }
}
