import { ApiError } from '../failures.js'
import type { Filters } from '../filters.js'

/** @throws {ApiError} 400 for a filter that is none of these, in Docker's words */
export function knownFilters(filters: Filters, names: readonly string[]): Filters {
  const unknown = Object.keys(filters).find((name) => !names.includes(name))
  if (unknown === undefined) return filters
  throw new ApiError(400, `Invalid filter '${unknown}'`)
}
