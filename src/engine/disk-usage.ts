import type { ContainerSize } from '../container/context.js'
import type { ImageUsage } from '../image/index.js'
import { invalidOption } from '../spec/invalid.js'
import { isLocal } from '../volume/volume-record.js'
import type { Stages } from './assemble.js'
import { type BuildCacheEntry, type BuildCacheRecord, listBuildCache, sizeOfCache } from './build-cache.js'
import { isUp } from './container-filters.js'
import type { ContainerSummary, Containers } from './containers.js'
import { usageOf } from './volume-inspect.js'
import type { VolumeSummary, Volumes } from './volumes.js'

/** Kinds of things that take room on the disk, by Docker's names. */
export type DiskUsageType = 'image' | 'container' | 'volume' | 'build-cache'

const known: readonly DiskUsageType[] = ['image', 'container', 'volume', 'build-cache']

/** Options of {@link Engine.diskUsage}. */
export interface DiskUsageOptions {
  /** Only these are looked at; the others are told as if there were none. Default: all. */
  readonly types?: readonly DiskUsageType[]
  readonly signal?: AbortSignal
}

/** What a root takes on the disk: Docker's `system df`. Sizes are the bytes that files have, not the blocks they take. */
export interface DiskUsage extends ImageUsage {
  /** All containers, newest first. */
  readonly containers: readonly ContainerUsage[]
  /** Those of driver `local` without options, by name: others are not known to take anything of this disk. */
  readonly volumes: readonly VolumeUsage[]
  /** What builds have left, what was used last first. */
  readonly buildCache: readonly BuildCacheRecord[]
  /** The lines of `docker system df`. */
  readonly summary: {
    readonly images: UsageLine
    readonly containers: UsageLine
    readonly volumes: UsageLine
    readonly buildCache: UsageLine
  }
}

/** How much there is of a kind of things. */
export interface UsageLine {
  readonly total: number
  /** Images with containers, containers that run, volumes that containers refer to, records that a build under way has. */
  readonly active: number
  /** Bytes. */
  readonly size: number
  /** Bytes that would be free without those that are not active. */
  readonly reclaimable: number
}

/** A container, and the sizes of its files. */
export type ContainerUsage = ContainerSummary & ContainerSize

/** A volume, how much it is, and who has it. */
export interface VolumeUsage extends VolumeSummary {
  /** Bytes of its files. */
  readonly size: number
  /** How many containers, running or not, refer to it. */
  readonly links: number
}

/** Walks through the containers' and volumes' files one after the other, off the event loop. */
export async function diskUsage(
  stages: Pick<Stages, 'images' | 'volumes' | 'paths' | 'buildCaches'>,
  { containers, volumes }: { readonly containers: Containers; readonly volumes: Volumes },
  { types, signal }: DiskUsageOptions,
): Promise<DiskUsage> {
  const unknown = types?.find((type) => !known.includes(type))
  if (unknown !== undefined)
    throw invalidOption('types', `unknown object type: ${unknown}`, `there are ${known.join(', ')}`, unknown)
  const of = async <Found, None>(type: DiskUsageType, none: None, find: () => Promise<Found>) =>
    types === undefined || types.includes(type) ? find() : none
  const usages = await of('container', [], async () => {
    return (await containers.list({ all: true, size: true, ...(signal && { signal }) })) as ContainerUsage[]
  })
  const images = await of('image', noImages, () => stages.images.usage())
  const volumeUsages = await of('volume', [], () => volumesUsage(stages, volumes, signal))
  const cache = await of('build-cache', [], () => listBuildCache(stages, signal))
  const buildCache = cache.map(({ chain: _, ...record }) => record)
  const summary = { ...summaryOf(images, usages, volumeUsages), buildCache: cacheLine(cache) }
  return { ...images, containers: usages, volumes: volumeUsages, buildCache, summary }
}

const noImages: ImageUsage = { layersSize: 0, contentSize: 0, images: [] }

function summaryOf(
  { images, layersSize }: ImageUsage,
  containers: readonly ContainerUsage[],
  volumes: readonly VolumeUsage[],
): Omit<DiskUsage['summary'], 'buildCache'> {
  const used = images.filter((image) => image.containers > 0)
  // As Docker has it, what several images share is reclaimable.
  const own = sum(used.map(({ size, sharedSize }) => size - sharedSize))
  return {
    images: { total: images.length, active: used.length, size: layersSize, reclaimable: layersSize - own },
    containers: usageLine(containers, isUp, ({ sizeRw }) => sizeRw),
    volumes: usageLine(
      volumes,
      ({ links }) => links > 0,
      ({ size }) => size,
    ),
  }
}

/** Layers that images have are counted there. */
function cacheLine(entries: readonly BuildCacheEntry[]): UsageLine {
  const used = entries.filter(({ inUse }) => inUse)
  const size = sizeOfCache(entries)
  return { total: entries.length, active: used.length, size, reclaimable: size - sizeOfCache(used) }
}

function usageLine<Thing>(
  things: readonly Thing[],
  isActive: (thing: Thing) => boolean,
  sizeOf: (thing: Thing) => number,
): UsageLine {
  const idle = things.filter((thing) => !isActive(thing))
  return {
    total: things.length,
    active: things.length - idle.length,
    size: sum(things.map(sizeOf)),
    reclaimable: sum(idle.map(sizeOf)),
  }
}

const sum = (sizes: readonly number[]) => sizes.reduce((all, size) => all + size, 0)

async function volumesUsage(
  { volumes: keeper }: Pick<Stages, 'volumes'>,
  volumes: Volumes,
  signal: AbortSignal | undefined,
): Promise<VolumeUsage[]> {
  const usages: VolumeUsage[] = []
  for (const summary of await volumes.list({ filters: { driver: 'local' }, ...(signal && { signal }) })) {
    signal?.throwIfAborted()
    const record = keeper.store.get(summary.name)
    if (!record || !isLocal(record)) continue
    const { Size, RefCount } = await usageOf(keeper, record)
    usages.push({ ...summary, size: Size, links: RefCount })
  }
  return usages
}
