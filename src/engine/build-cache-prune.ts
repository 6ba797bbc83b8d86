import { parseMoment } from '../spec/moment.js'
import { parseSize } from '../spec/size.js'
import type { Stages } from './assemble.js'
import { type BuildCacheEntry, cacheDirectories, listBuildCache } from './build-cache.js'
import { selectForPrune } from './build-cache-selection.js'

/** Options of {@link Engine.pruneBuildCache}. */
export interface PruneBuildCacheOptions {
  /** Also steps whose layers images have. Default false. */
  readonly all?: boolean
  /** So much of what was used last stays: bytes, or a string such as `10GB`. Default: nothing. */
  readonly keepStorage?: number | string
  /** Default: none. */
  readonly filters?: PruneBuildCacheFilters
  /** Stops before the next thing. */
  readonly signal?: AbortSignal
}

/** Filters of {@link Engine.pruneBuildCache}. */
export interface PruneBuildCacheFilters {
  /** Not used since this moment: a Date, ms, an RFC 3339 time, or an age such as `24h`. */
  readonly until?: Date | number | string
  /** An id, or the beginning of one. */
  readonly id?: string
  readonly type?: BuildCacheEntry['type']
  /** A part of the description. */
  readonly description?: string
}

export interface PrunedBuildCache {
  /** Ids of the records. */
  readonly deleted: readonly string[]
  /** Bytes of the files that went. */
  readonly spaceReclaimed: number
}

/** Removes what builds have left, as `docker builder prune` does. What a build begins to use meanwhile stays. */
export async function pruneBuildCache(
  stages: Pick<Stages, 'images' | 'paths' | 'buildCaches' | 'outbox'>,
  options: PruneBuildCacheOptions,
): Promise<PrunedBuildCache> {
  const { all = false, filters = {}, signal } = options
  const keepStorage = options.keepStorage === undefined ? undefined : parseSize('keepStorage', options.keepStorage)
  const until = filters.until === undefined ? undefined : parseMoment('until', filters.until)
  const fits = fitting(filters, until)
  const selected = selectForPrune(await listBuildCache(stages, signal), { all, keepStorage, fits })
  signal?.throwIfAborted()
  const { removed, size } = await stages.images.steps.remove(idsOf(selected, 'regular'))
  const deleted = new Set(removed)
  let spaceReclaimed = size
  const directories = cacheDirectories(stages)
  for (const id of idsOf(selected, 'exec.cachemount')) {
    signal?.throwIfAborted()
    const freed = await directories.remove(id)
    if (freed === undefined) continue
    deleted.add(id)
    spaceReclaimed += freed
  }
  await directories.sweep()
  // Times of images that can only be built anew are of no use.
  if (keepStorage === undefined && Object.keys(filters).every((name) => name === 'until'))
    stages.images.steps.forgetImageTimes(until === undefined ? Date.now() : Number(until / nsPerMs))
  const attributes = { reclaimed: String(spaceReclaimed) }
  stages.outbox.record({ type: 'builder', action: 'prune', id: '', attributes })
  return { deleted: selected.map(({ id }) => id).filter((id) => deleted.has(id)), spaceReclaimed }
}

const nsPerMs = 1_000_000n

function fitting({ id, type, description }: PruneBuildCacheFilters, until: bigint | undefined) {
  return (entry: BuildCacheEntry): boolean =>
    (until === undefined || BigInt(entry.lastUsedAt.getTime()) * nsPerMs < until) &&
    (id === undefined || entry.id.startsWith(id)) &&
    (type === undefined || entry.type === type) &&
    (description === undefined || entry.description.includes(description))
}

function idsOf(entries: readonly BuildCacheEntry[], type: BuildCacheEntry['type']): string[] {
  return entries.filter((entry) => entry.type === type).map(({ id }) => id)
}
