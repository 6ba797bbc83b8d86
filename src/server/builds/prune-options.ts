import type { PruneBuildCacheFilters, PruneBuildCacheOptions } from '../../engine/build-cache-prune.js'
import { ApiError } from '../failures.js'
import type { Query } from '../query.js'

/** Docker's names of filters, by ours: one value each. */
const names: Readonly<Record<string, 'until' | 'id' | 'type' | 'description'>> = {
  until: 'until',
  'unused-for': 'until',
  id: 'id',
  type: 'type',
  description: 'description',
}

/**
 * What of the build cache is to go; undefined: nothing, as nothing in it has labels.
 *
 * @throws {ApiError} 400 for a filter that is none
 */
export function pruneOptions(query: Query): PruneBuildCacheOptions | undefined {
  const { label = [], 'label!': _, ...given } = query.filters()
  const kept = query.integer('keep-storage') ?? query.integer('reserved-space')
  const filters = Object.entries(given).map(([name, values]) => {
    const own = names[name]
    if (own === undefined) throw refused(`Invalid filter '${name}'`)
    if (values.length !== 1) throw refused('filters expect only one value')
    return [own, values[0]] as const
  })
  if (label.length > 0) return undefined
  return {
    all: query.flag('all'),
    filters: Object.fromEntries(filters) as PruneBuildCacheFilters,
    ...(kept !== undefined && kept > 0 && { keepStorage: kept }),
  }
}

const refused = (why: string) => new ApiError(400, `failed to prune build cache: ${why}`)
