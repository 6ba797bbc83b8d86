import { failpoint } from '../errors/failpoint.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { type Observed, observe } from './observe.js'
import { clearRun } from './run-directory.js'

/**
 * Brings the store up to what has happened. Any process may do it at any time, and doing it twice changes nothing.
 * Returns what is true afterwards; undefined when the container is gone.
 */
export async function settle(
  context: ContainerContext,
  record: ContainerRecord,
): Promise<Exclude<Observed, { status: 'ended' }> | undefined> {
  const observed = observe(context, record)
  if (observed.status !== 'ended') return observed
  // Recorded first: from then on nobody takes what its run directory says for the present.
  recordEnd(context, record, observed.outcome)
  if (observed.supervisor !== 'finishing') await clearRun(context, record.id, record.config.rm)
  const now = context.containers.get(record.id)
  return now && (observe(context, now) as Exclude<Observed, { status: 'ended' }>)
}

/** The end of a run, in one transaction: an `rm` container is no more, any other has exited. */
export function recordEnd(
  context: Pick<ContainerContext, 'containers'>,
  record: ContainerRecord,
  outcome: Outcome,
  phase: 'exited' | 'created' = 'exited',
): void {
  failpoint('end.record')
  if (record.config.rm) context.containers.delete(record.id)
  else context.containers.settle(record.id, record.attempt, outcome, phase)
}
