import type { ContainerSize } from '../container/context.js'
import type { ImageUsage } from '../image/index.js'
import { isLocal } from '../volume/volume-record.js'
import type { Stages } from './assemble.js'
import type { ContainerSummary, Containers } from './containers.js'
import { usageOf } from './volume-inspect.js'
import type { VolumeSummary, Volumes } from './volumes.js'

/** What a root takes on the disk: Docker's `system df`. Sizes are the bytes that files have, not the blocks they take. */
export interface DiskUsage extends ImageUsage {
  /** All containers, newest first. */
  readonly containers: readonly ContainerUsage[]
  /** Those of driver `local` without options, by name: others are not known to take anything of this disk. */
  readonly volumes: readonly VolumeUsage[]
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
  stages: Pick<Stages, 'images' | 'volumes'>,
  { containers, volumes }: { readonly containers: Containers; readonly volumes: Volumes },
  signal: AbortSignal | undefined,
): Promise<DiskUsage> {
  const usages = (await containers.list({ all: true, size: true, ...(signal && { signal }) })) as ContainerUsage[]
  return { ...(await stages.images.usage()), containers: usages, volumes: await volumesUsage(stages, volumes, signal) }
}

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
