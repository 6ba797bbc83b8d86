import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { failpoint } from '../errors/failpoint.js'
import { inTime } from '../sockets/in-time.js'
import { type ContainerRecord, isOfRun, type Outcome } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { withHealth } from './health.js'
import type { Settled } from './inspect-state.js'
import { launchOver } from './launching.js'
import { type Observed, observe } from './observe.js'
import { clearRun, runDirectory } from './run-directory.js'
import { toldEnd } from './told-end.js'

/**
 * Brings the store up to what has happened. Any process may do it at any time, and doing it twice changes nothing.
 * Returns what is true afterwards; undefined when the container is gone.
 */
export async function settle(context: ContainerContext, record: ContainerRecord): Promise<Settled | undefined> {
  return (await settleEnd(context, record)).observed
}

/** The same, with how a run has ended whose end was not recorded before. */
export async function settleEnd(
  context: ContainerContext,
  record: ContainerRecord,
): Promise<{ readonly observed: Settled | undefined; readonly outcome?: Outcome }> {
  const observed = await observeDecided(context, record)
  if (observed.status !== 'ended') {
    if (isOver(observed) && existsSync(runDirectory(context.runRoot, record.id))) await clearLeft(context, record)
    return { observed }
  }
  const own = await ownEnd(context, record, observed)
  const outcome = own ?? (await seenEnd(context, record, observed))
  if (!own && isOfRun(context.containers.get(record.id), record))
    await recordSeen(context, record, { ...observed, outcome })
  const now = context.containers.get(record.id)
  return { observed: now && (observe(context, now) as Settled), outcome: now?.outcome ?? outcome }
}

type Ended = Extract<Observed, { status: 'ended' }>

/** Records the end of a run as it was observed. */
async function recordSeen(context: ContainerContext, record: ContainerRecord, observed: Ended): Promise<void> {
  const { outcome, supervisor } = observed
  if (supervisor === 'lost') return recordLoss(context, record, outcome)
  await context.retireEndpoints(record)
  // Recorded first: from then on nobody takes what its run directory says for the present.
  const isLeftToIt = supervisor === 'finishing' && !isUntold(context, record.id)
  recordEnd(context, record, outcome, isLeftToIt || isTold(context, record.id))
  await clearLeft(context, record)
}

/** The supervisor of an `rm` container takes all that tells of it with it, when it has torn all down; then only the journal knows. */
async function seenEnd(context: ContainerContext, record: ContainerRecord, observed: Ended): Promise<Outcome> {
  const isTorndown = observed.supervisor === 'lost' && !existsSync(runDirectory(context.runRoot, record.id))
  return (isTorndown ? await toldEnd(context, record) : undefined) ?? observed.outcome
}

/** So long what a supervisor has said before it went can take to be read: somebody may have a copy of its end of the connection. */
const readingMs = 10_000

/**
 * How a run of this process's own has ended that looks lost: its supervisor has said so before it went, with all that it had
 * made, and that is not recorded yet.
 */
async function ownEnd(
  context: ContainerContext,
  { id }: ContainerRecord,
  observed: Ended,
): Promise<Outcome | undefined> {
  if (observed.supervisor !== 'lost') return undefined
  // One that is brief may be over before it is known here that it has begun.
  await launchOver(context, id)
  const live = context.live.get(id)
  if (!live) return undefined
  live.session.readOn()
  const isTold = await inTime(live.session.exited, readingMs)
  return isTold && (await live.session.exited) ? live.end : undefined
}

/** How long a supervisor needs at most, on a machine that is very busy, to tell how a run has ended, or to know that it cannot. */
const decisionMs = 5000

/** Of a supervisor that is still there, only it knows whether it tells the journal of events: once it says so, or has gone. */
async function observeDecided(context: ContainerContext, record: ContainerRecord): Promise<Observed> {
  let seen: Ended | undefined
  for (const deadline = performance.now() + decisionMs; ; await delay(2)) {
    const observed = observe(context, record)
    if (observed.status !== 'ended') return observed
    // What it has said once is so, also when it has taken all of its run directory with it.
    if (seen && observed.supervisor === 'lost') return { ...seen, supervisor: 'gone' }
    if (observed.supervisor !== 'finishing' || isTold(context, record.id) || isUntold(context, record.id))
      return observed
    if (performance.now() > deadline) return observed
    seen = observed
  }
}

const isOver = ({ status }: Observed) => status === 'exited' || status === 'created' || status === 'dead'

/**
 * Clears what is left of a run whose end is recorded, unless this process sees it to its end anyway. Whatever keeps it from
 * that, the run directory stays and tells of it: this process looks again, any other when it has to do with the container.
 */
async function clearLeft(context: ContainerContext, record: ContainerRecord): Promise<void> {
  const { id } = record
  if (context.live.has(id)) return
  const isGone = context.containers.get(id) === undefined
  try {
    if (!(await clearRun(context, id, isGone))) context.lookAgain(id, record)
    else if (isGone) await context.discardVolumes(record)
  } catch {
    context.lookAgain(id, record)
  }
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

/** Whether it could not: it does not try again. */
const isUntold = ({ runRoot }: Pick<ContainerContext, 'runRoot'>, id: string) =>
  existsSync(`${runDirectory(runRoot, id)}/untold`)

/**
 * The end of a run that its supervisor did not see. What it has left in the kernel still has its addresses, ports and
 * names: they are free once that is undone, and an `rm` container is gone then. What cannot be undone now stays to be found:
 * this process looks again.
 *
 * @param clear does the undoing; false when another process does it, or something is in the way
 */
export async function recordLoss(
  context: ContainerContext,
  record: ContainerRecord,
  outcome: Outcome,
  phase: 'exited' | 'created' = 'exited',
  clear = () => clearSoon(context, record),
): Promise<void> {
  failpoint('loss.record')
  const told = withHealth(context.runRoot, record, outcome)
  context.lose(record, told, record.config.rm ? 'removing' : phase)
  try {
    if (!(await clear())) context.lookAgain(record.id, record)
    else if (record.config.rm) await deleteLost(context, record)
  } catch {
    context.lookAgain(record.id, record)
  }
}

/** How long others are waited for who clear the same run. */
const othersMs = 1000

/**
 * Clears a run whose end is recorded, and which has no supervisor any more. Nobody tells when another process has done it, or has
 * looked whether the lock is held.
 *
 * @returns false when that takes long
 */
export async function clearSoon(context: ContainerContext, { id, attempt, config }: ContainerRecord): Promise<boolean> {
  for (const deadline = performance.now() + othersMs; !(await clearRun(context, id, config.rm)); await delay(2)) {
    const now = context.containers.get(id)
    if (now && now.attempt !== attempt) return true
    if (performance.now() > deadline) return false
  }
  return true
}

async function deleteLost(context: ContainerContext, record: ContainerRecord): Promise<void> {
  if (!record.isPrepared) await context.finishFills(record)
  failpoint('loss.delete')
  context.delete(record)
  failpoint('loss.volumes')
  await context.discardVolumes(record)
}
