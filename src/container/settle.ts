import { existsSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { withHealth } from './health.js'
import { type Observed, observe } from './observe.js'
import { clearRun, runDirectory } from './run-directory.js'

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
  if (observed.supervisor === 'lost') await recordLoss(context, record, observed.outcome)
  else {
    await context.retireEndpoints(record)
    // Recorded first: from then on nobody takes what its run directory says for the present.
    recordEnd(context, record, observed.outcome, observed.supervisor === 'finishing' || isTold(context, record.id))
    if (observed.supervisor === 'gone' && (await clearRun(context, record.id, record.config.rm)))
      await context.discardVolumes(record)
  }
  const now = context.containers.get(record.id)
  return now && (observe(context, now) as Exclude<Observed, { status: 'ended' }>)
}

/** The end of a run, in one transaction: an `rm` container is no more, any other has exited. */
export function recordEnd(context: ContainerContext, record: ContainerRecord, outcome: Outcome, isTold = true): void {
  failpoint('end.record')
  context.end(record, withHealth(context.runRoot, record, outcome), isTold)
}

/** Whether the supervisor has lived to tell the journal of events how it ended; one that has torn all down has. */
export function isTold({ runRoot }: Pick<ContainerContext, 'runRoot'>, id: string): boolean {
  const directory = runDirectory(runRoot, id)
  return existsSync(`${directory}/told`) || !existsSync(directory)
}

/**
 * The end of a run that its supervisor did not see. What it has left in the kernel still has its addresses, ports and
 * names: they are free once that is undone, and an `rm` container is gone then.
 *
 * @param clear does the undoing; false when another process does it
 */
export async function recordLoss(
  context: ContainerContext,
  record: ContainerRecord,
  outcome: Outcome,
  phase: 'exited' | 'created' = 'exited',
  clear = () => clearRun(context, record.id, record.config.rm),
): Promise<void> {
  failpoint('loss.record')
  const told = withHealth(context.runRoot, record, outcome)
  context.lose(record, told, record.config.rm ? 'removing' : phase)
  if (!(await clear()) || !record.config.rm) return
  if (!record.isPrepared) await context.finishFills(record)
  failpoint('loss.delete')
  context.delete(record)
  failpoint('loss.volumes')
  await context.discardVolumes(record)
}
