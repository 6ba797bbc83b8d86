import type { ContainerContext } from '../container/context.js'
import type { HostLimits } from '../spec/index.js'
import { type UpdateOptions, updateConfig } from '../spec/update.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import type { Networking } from './networking.js'

type Records = Pick<ContainerContext, 'containers' | 'tell'>

/** Somebody stops a container, with a signal or without. */
export function markStopped(
  { store }: Networking,
  { containers, tell }: Records,
  record: ContainerRecord,
  signal: number | undefined,
): void {
  store.transaction(() => {
    containers.setStopped(record.id)
    if (signal !== undefined) tell(record, 'kill', { signal: String(signal) })
  })
}

/**
 * Changes what is recorded of a container's limits and its restart policy.
 *
 * @throws {InvalidOptionError} INVALID_OPTION; {NotFoundError} CONTAINER_NOT_FOUND
 */
export function reconfigure(
  { store }: Networking,
  { containers }: Records,
  { id, options, host }: { readonly id: string; readonly options: UpdateOptions; readonly host: HostLimits },
): { before: ContainerRecord; after: ContainerRecord } {
  return store.transaction(() => {
    const before = containers.get(id)
    if (!before) throw noSuchContainer(id)
    const config = updateConfig(id, before.config, options, host)
    containers.setConfig(id, config)
    return { before, after: { ...before, config } }
  })
}

/** Undoes that. */
export function restoreLimits(
  { store }: Networking,
  { containers }: Records,
  { id, config: { resources, restartPolicy } }: ContainerRecord,
): void {
  store.transaction(() => {
    const now = containers.get(id)
    if (now) containers.setConfig(id, { ...now.config, resources, restartPolicy })
  })
}
