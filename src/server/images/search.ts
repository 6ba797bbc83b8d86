import type { SearchResult } from '../../registry/types.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { onlyOf, truthOf } from '../filters.js'
import { knownFilters } from './filters.js'
import { registryAuthOf } from './registry-auth.js'

/** `GET /images/search`. */
export async function searchImages(exchange: Exchange): Promise<readonly object[]> {
  const { engine, query, signal } = exchange
  const limit = query.integer('limit')
  const options = { ...filtersOf(query), ...(limit && { limit }), auth: registryAuthOf(exchange), signal }
  return (await engine.images.search(query.required('term'), options)).map(resultDocument)
}

function filtersOf(query: Exchange['query']) {
  const filters = knownFilters(query.filters(), ['is-automated', 'is-official', 'stars'])
  const [automated, official] = [truthOf(filters, 'is-automated'), truthOf(filters, 'is-official')]
  const stars = onlyOf(filters, 'stars')
  if (stars !== undefined && !/^\d{1,9}$/.test(stars)) throw new ApiError(400, `Invalid filter 'stars=${stars}'`)
  return {
    ...(automated !== undefined && { automated }),
    ...(official !== undefined && { official }),
    ...(stars !== undefined && { stars: Number(stars) }),
  }
}

function resultDocument({ name, description, stars, official, automated }: SearchResult): object {
  return { star_count: stars, is_official: official, name, is_automated: automated, description }
}
