import { type BuildCacheEntry, filesOf, sizeOfCache } from './build-cache.js'

/** Which of the build cache are to be removed. */
export interface CacheSelection {
  /** Also steps whose layers images have. */
  readonly all: boolean
  /** Bytes that may stay: what was used last does. */
  readonly keepStorage: number | undefined
  readonly fits: (entry: BuildCacheEntry) => boolean
}

/**
 * What is to be removed of the cache, first what was used longest ago. What a build under way has stays. A step is as fresh
 * as the freshest that was done on top of it: without it nobody would come to that one.
 */
export function selectForPrune(
  entries: readonly BuildCacheEntry[],
  { all, keepStorage, fits }: CacheSelection,
): BuildCacheEntry[] {
  const freshness = freshnessOf(entries)
  const removable = entries
    .filter((entry) => !entry.inUse && (all || !entry.shared) && fits(entry))
    .sort((a, b) => freshness(a) - freshness(b) || b.chain.length - a.chain.length)
  if (keepStorage === undefined) return removable
  const owners = new Map<string, number>()
  for (const entry of entries) owners.set(filesOf(entry), (owners.get(filesOf(entry)) ?? 0) + 1)
  let size = sizeOfCache(entries)
  const selected: BuildCacheEntry[] = []
  for (const entry of removable) {
    if (size <= keepStorage) break
    selected.push(entry)
    const others = (owners.get(filesOf(entry)) ?? 1) - 1
    owners.set(filesOf(entry), others)
    if (others === 0 && !entry.shared) size -= entry.size
  }
  return selected
}

/** When an entry, or one on top of it, was used last. */
function freshnessOf(entries: readonly BuildCacheEntry[]): (entry: BuildCacheEntry) => number {
  const byLayer = new Map<string, number>()
  for (const { chain, lastUsedAt } of entries)
    for (const chainId of chain) byLayer.set(chainId, Math.max(byLayer.get(chainId) ?? 0, lastUsedAt.getTime()))
  return ({ chain, lastUsedAt }) => byLayer.get(chain.at(-1) ?? '') ?? lastUsedAt.getTime()
}
