import { setTimeout as delay } from 'node:timers/promises'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { type ContainerStatus, statusOf } from './inspect-state.js'
import { launchOver } from './launching.js'
import type { Observed } from './observe.js'
import { settle } from './settle.js'
import { mayDo, type Verb } from './states.js'

/** A container whose end is recorded, and of which it is known whether it runs. */
export type Known = Exclude<Observed, { status: 'ended' | 'starting' }>

/** A container as it is now. */
export interface Present {
  readonly record: ContainerRecord
  readonly observed: Known
  readonly status: ContainerStatus
}

/**
 * What is true of a container now; once it is known whether one that is being started runs.
 *
 * @throws {NotFoundError} CONTAINER_NOT_FOUND
 */
export async function present(context: ContainerContext, id: string, signal?: AbortSignal): Promise<Present> {
  for (;;) {
    const before = context.containers.get(id)
    const observed = before && (await settle(context, before))
    // Of one that runs nothing was recorded meanwhile.
    const record = observed?.status === 'running' ? before : context.containers.get(id)
    if (!observed || !record) throw noSuchContainer(id)
    if (observed.status !== 'starting') return { record, observed, status: statusOf(observed) }
    // Nothing tells when another process's supervisor has a socket: it is the matter of a moment.
    if (!(await launchOver(context, id, signal))) await delay(2, undefined, { signal })
  }
}

/**
 * The same, if a verb has something to do.
 *
 * @returns undefined when it has not
 * @throws what Docker says when the verb cannot be
 */
export async function presentFor(
  context: ContainerContext,
  id: string,
  verb: Verb,
  signal?: AbortSignal,
): Promise<Present | undefined> {
  const now = await present(context, id, signal)
  return mayDo(verb, now.status, id) ? now : undefined
}
