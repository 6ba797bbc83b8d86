import type { Stages } from './assemble.js'
import { CacheDirectories } from './build-cache-directories.js'

/** Something that a build has left for those that come after it: what a step has come to, or a cache mount's directory. */
export interface BuildCacheRecord {
  readonly id: string
  /** Docker's words: `regular` for a step, `exec.cachemount` for a directory. */
  readonly type: 'regular' | 'exec.cachemount'
  /** The instruction, as an image's history tells it, or the cache mount's id. */
  readonly description: string
  /** Bytes of the files of the step's own layer, or of the directory. */
  readonly size: number
  /** A build under way has it. */
  readonly inUse: boolean
  /** An image has the same layer. */
  readonly shared: boolean
  readonly createdAt: Date
  readonly lastUsedAt: Date
  /** How often it was found. */
  readonly usageCount: number
}

/** A record, and what it is known by here. */
export interface BuildCacheEntry extends BuildCacheRecord {
  /** Chain ids of all layers of a step's files, bottom first. */
  readonly chain: readonly string[]
}

type Places = Pick<Stages, 'images' | 'paths' | 'buildCaches'>

export function cacheDirectories({ paths, buildCaches }: Pick<Places, 'paths' | 'buildCaches'>): CacheDirectories {
  return new CacheDirectories(`${paths.root}/build/caches`, buildCaches)
}

/** All of the build cache, what was used last first. Looks at the files of cache mounts' directories. */
export async function listBuildCache(stages: Places, signal?: AbortSignal): Promise<BuildCacheEntry[]> {
  const steps = stages.images.steps.list().map(
    (step): BuildCacheEntry => ({
      id: step.id,
      type: 'regular',
      description: step.description,
      size: step.size,
      inUse: step.in_use,
      shared: step.shared,
      createdAt: new Date(step.created_at),
      lastUsedAt: new Date(step.used_at),
      usageCount: step.uses,
      chain: step.chain,
    }),
  )
  const directories = (await cacheDirectories(stages).list(signal)).map(
    (line): BuildCacheEntry => ({
      id: line.directory,
      type: 'exec.cachemount',
      description: line.name,
      size: line.size,
      inUse: line.isInUse,
      shared: false,
      createdAt: new Date(line.created_at),
      lastUsedAt: new Date(line.used_at),
      usageCount: line.uses,
      chain: [],
    }),
  )
  return [...steps, ...directories].sort((a, b) => b.lastUsedAt.getTime() - a.lastUsedAt.getTime())
}

/** Bytes of what these take that no image has; what several steps have counts once. */
export function sizeOfCache(entries: readonly BuildCacheEntry[]): number {
  const sizes = new Map(entries.filter(({ shared }) => !shared).map((entry) => [filesOf(entry), entry.size]))
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

/** What two entries with the same files have in common. */
export function filesOf({ id, chain, size }: BuildCacheEntry): string {
  return size === 0 ? id : (chain.at(-1) ?? id)
}
