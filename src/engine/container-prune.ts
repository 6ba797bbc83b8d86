import { Container } from '../container/container.js'
import type { ContainerContext } from '../container/context.js'
import { isUp, type PruneContainersFilters, pruneFilter } from './container-filters.js'
import { type ListSources, listContainers } from './container-list.js'
import { isRemoved } from './prune.js'

/** Options of {@link Containers.prune}. */
export interface PruneContainersOptions {
  /** Default: none. */
  readonly filters?: PruneContainersFilters
  /** Stops before the next container. */
  readonly signal?: AbortSignal
}

export interface PrunedContainers {
  /** Their ids. */
  readonly deleted: readonly string[]
  /** Bytes of the files that they had made or changed. */
  readonly spaceReclaimed: number
}

/** Removes what does not run, one by one; what somebody has started or removed meanwhile stays, or is gone already. */
export async function pruneContainers(
  sources: ListSources,
  { filters = {}, signal }: PruneContainersOptions,
): Promise<PrunedContainers> {
  const fits = pruneFilter(filters)
  const { context } = sources
  const deleted: string[] = []
  let spaceReclaimed = 0
  for (const summary of await listContainers(sources, { all: true })) {
    if (isUp(summary) || summary.state === 'removing' || !fits(summary)) continue
    // It goes with its build.
    if (sources.isWorkspace(summary.id)) continue
    if (context.isBuilding(summary.id)) continue
    signal?.throwIfAborted()
    const size = await sizeOf(context, summary.id, signal)
    if (!(await isRemoved(new Container(context, summary).remove()))) continue
    deleted.push(summary.id)
    spaceReclaimed += size
  }
  const attributes = { reclaimed: String(spaceReclaimed) }
  context.events.record({ type: 'container', action: 'prune', id: '', attributes })
  return { deleted, spaceReclaimed }
}

async function sizeOf(context: ContainerContext, id: string, signal: AbortSignal | undefined): Promise<number> {
  const record = context.containers.get(id)
  return record ? (await context.files(record).size({ signal })).sizeRw : 0
}
