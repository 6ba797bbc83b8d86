import { InvalidOptionError } from '../errors/index.js'
import type { LabelFilter, PruneImagesOptions, RemovedItem } from '../image/index.js'
import type { PruneBuildCacheOptions, PrunedBuildCache } from './build-cache-prune.js'
import type { Containers } from './containers.js'
import type { Images } from './images.js'
import type { Networks } from './networks.js'
import type { Volumes } from './volumes.js'

/** Options of {@link Engine.prune}. */
export interface PruneOptions {
  /**
   * Also images with names that no container is of, and all of the build cache. Default false: images without a name, and what no
   * image has of the build cache.
   */
  readonly all?: boolean
  /** Also anonymous volumes that no container refers to. Default false. */
  readonly volumes?: boolean
  readonly filters?: PruneFilters
  /** Stops before the next thing. */
  readonly signal?: AbortSignal
}

/** Filters of {@link Engine.prune}. */
export interface PruneFilters {
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: LabelFilter
  /** None of these may be there. */
  readonly withoutLabel?: LabelFilter
  /** Made before this moment: a Date, ms, an RFC 3339 time, or an age such as `24h`. Not together with `volumes`. */
  readonly until?: Date | number | string
}

export interface Pruned {
  /** Ids. */
  readonly containers: readonly string[]
  /** Names. */
  readonly networks: readonly string[]
  /** Names. */
  readonly volumes: readonly string[]
  /** What was done, in order, as {@link Images.remove} tells it. */
  readonly images: readonly RemovedItem[]
  /** Ids of records of the build cache. */
  readonly buildCache: readonly string[]
  /** Bytes. */
  readonly spaceReclaimed: number
}

interface Prunable {
  readonly containers: Containers
  readonly networks: Networks
  readonly volumes: Volumes
  readonly images: Images
  pruneBuildCache(options: PruneBuildCacheOptions): Promise<PrunedBuildCache>
}

/** Removes what is not used, in Docker's order: what goes first may have kept the next in use. */
export async function pruneSystem(
  engine: Prunable,
  { all = false, volumes: withVolumes = false, filters = {}, signal }: PruneOptions,
): Promise<Pruned> {
  const { containers, networks, volumes, images } = engine
  const { until, ...labels } = filters
  if (withVolumes && until !== undefined)
    throw new InvalidOptionError('The "until" filter is not supported with "--volumes": leave out one of them', {
      code: 'INVALID_OPTION',
      details: { option: 'filters', value: 'until' },
    })
  const stop = signal && { signal }
  const prunedContainers = await containers.prune({ filters, ...stop })
  const prunedNetworks = await networks.prune({ filters, ...stop })
  const prunedVolumes = withVolumes ? await volumes.prune({ filters: labels, ...stop }) : nothing
  signal?.throwIfAborted()
  const prunedImages = await images.prune({ all, ...(filters satisfies PruneImagesOptions) })
  // Nothing of it has a label.
  const isCacheMeant = labels.label === undefined || labels.label.length === 0
  const prunedCache = isCacheMeant
    ? await engine.pruneBuildCache({ all, ...(until !== undefined && { filters: { until } }), ...stop })
    : nothing
  return {
    containers: prunedContainers.deleted,
    networks: prunedNetworks,
    volumes: prunedVolumes.deleted,
    images: prunedImages.deleted,
    buildCache: prunedCache.deleted,
    spaceReclaimed: [prunedContainers, prunedVolumes, prunedImages, prunedCache].reduce(
      (sum, { spaceReclaimed }) => sum + spaceReclaimed,
      0,
    ),
  }
}

const nothing = { deleted: [], spaceReclaimed: 0 }
