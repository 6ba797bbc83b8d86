import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { invalidState } from '../container/container-errors.js'
import { settle } from '../container/settle.js'
import { InvalidStateError } from '../errors/index.js'
import type { EndpointLink } from '../network/host-network-types.js'
import type { ContainerRecord } from '../store/containers.js'
import type { NetworksContext } from './network.js'
import type { Place } from './networking.js'
import { withContainerLock } from './networks-lock.js'
import { endpointLinks, openNamespace } from './wiring.js'

/** A container that runs, and whose networks nobody else changes. */
export interface RunningContainer {
  readonly record: ContainerRecord
  /** A descriptor of its network namespace. */
  readonly namespace: number
}

/** What is to be done about a container's networks; which of the two is told by its state. */
export interface NetworkChange {
  /** In a transaction, in which it does not run. */
  idle(record: ContainerRecord): void
  /** False: its run is over, and nothing was done. */
  running(container: RunningContainer): Promise<boolean>
}

const patienceMs = 10_000

/**
 * Changes the networks of a container, whatever others do to it meanwhile.
 *
 * @throws {NotFoundError} CONTAINER_NOT_FOUND; {InvalidStateError} while it is removed, or neither starts nor ends
 */
export async function changeNetworks(
  { containers: context, stages }: NetworksContext,
  nameOrId: string,
  signal: AbortSignal | undefined,
  change: NetworkChange,
): Promise<void> {
  const { id } = context.containers.find(nameOrId)
  for (const deadline = performance.now() + patienceMs; ; await delay(2)) {
    signal?.throwIfAborted()
    const record = context.containers.find(id)
    const observed = await settle(context, record)
    const status = observed?.status ?? 'removing'
    if (status === 'removing' || performance.now() > deadline) throw refuse(id, status)
    if (status === 'starting') continue
    if (status === 'running' ? await changeRunning(context, stages, record, signal, change) : changeIdle()) return
  }

  function changeIdle(): boolean {
    return stages.networking.store.transaction(() => {
      const now = context.containers.get(id)
      if (!now || now.phase === 'started') return false
      change.idle(now)
      return true
    })
  }
}

async function changeRunning(
  context: NetworksContext['containers'],
  { networking }: NetworksContext['stages'],
  record: ContainerRecord,
  signal: AbortSignal | undefined,
  change: NetworkChange,
): Promise<boolean> {
  const namespace = namespaceOf(context, record)
  if (namespace === undefined) return false
  try {
    return await withContainerLock(`${networking.names}/${record.id}`, signal, async () => {
      // Until this is over no other run begins: who clears this one waits for the lock.
      return sameRun(context, record) !== undefined && change.running({ record, namespace })
    })
  } finally {
    closeSync(namespace)
  }
}

/** The record of a container as it is now; undefined: the run that is meant is over. */
export function sameRun(
  { containers }: NetworksContext['containers'],
  { id, attempt }: ContainerRecord,
): ContainerRecord | undefined {
  const now = containers.get(id)
  return now?.phase === 'started' && now.attempt === attempt ? now : undefined
}

/** Undefined: it has ended meanwhile. */
function namespaceOf(context: NetworksContext['containers'], record: ContainerRecord): number | undefined {
  try {
    return openNamespace(context, record)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof InvalidStateError || code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

function refuse(container: string, from: string): InvalidStateError {
  const why =
    from === 'removing'
      ? 'is marked for removal'
      : 'is being started or ended by another process, which does not finish'
  return invalidState(`container ${container} ${why} and its networks cannot be changed`, {
    container,
    from,
    to: 'connected',
  })
}

/** How one of a container's places is made, among the others. */
export function endpointLinkOf(places: readonly Place[], network: string): EndpointLink | undefined {
  return endpointLinks(places).find((link) => link.network.id === network)
}
