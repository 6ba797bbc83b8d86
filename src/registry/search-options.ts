import { type ErrorCode, InvalidOptionError } from '../errors/index.js'
import { registryName } from './auth/registry-name.js'
import type { SearchOptions, SearchResult } from './types.js'

const defaultLimit = 25
const maxLimit = 100
const hub = 'docker.io'

/** What is searched, and where. */
export interface SearchRequest {
  readonly registry: string
  readonly isHub: boolean
  readonly term: string
  readonly limit: number
  readonly isWanted: (result: SearchResult) => boolean
}

/** @throws {InvalidOptionError} with Docker's messages */
export function normalizeSearch(term: string, options: SearchOptions): SearchRequest {
  const { limit = defaultLimit, stars, official, automated } = options
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit)
    throw invalid(`Limit ${limit} is outside the range of [1, ${maxLimit}]`, { option: 'limit', value: limit })
  if (stars !== undefined && !Number.isInteger(stars))
    throw invalid(`Invalid filter 'stars=${stars}'`, { option: 'stars', value: stars })
  if (/^https?:\/\//.test(term))
    throw invalid('Invalid repository name (ex: "registry.domain.tld/myrepos")', { term }, 'INVALID_REFERENCE')
  const { registry, rest } = splitTerm(term)
  const isHub = registry === hub
  return {
    registry,
    isHub,
    // Official images are listed without it.
    term: isHub ? rest.replace(/^library\//, '') : rest,
    limit,
    isWanted: (result) =>
      (stars === undefined || result.stars >= stars) &&
      (official === undefined || result.official === official) &&
      (automated === undefined || result.automated === automated),
  }
}

function splitTerm(term: string): { registry: string; rest: string } {
  const slash = term.indexOf('/')
  const first = term.slice(0, Math.max(slash, 0))
  if (first !== 'localhost' && !/[.:]/.test(first)) return { registry: hub, rest: term }
  return { registry: registryName(first), rest: term.slice(slash + 1) }
}

function invalid(message: string, details: object, code: ErrorCode = 'INVALID_OPTION'): InvalidOptionError {
  return new InvalidOptionError(message, { code, details: { ...details } })
}
