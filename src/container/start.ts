import { closeSync, existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { failpoint } from '../errors/failpoint.js'
import { type InvalidStateError, LaunchError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import type { Session } from '../launch/session.js'
import { type ContainerRecord, noSuchContainer, type Outcome } from '../store/containers.js'
import { traced } from '../tracing/index.js'
import { firstEnd } from './attach.js'
import { invalidState } from './container-errors.js'
import { type ContainerContext, isForwarded, type Live, type StartStreams } from './context.js'
import { letGo } from './fs/lingering.js'
import { statusOf } from './inspect-state.js'
import { launching } from './launching.js'
import { lostOutcome, outcomeOf, withFailure } from './observe.js'
import { clearHeld, clearRun, isCopied, lockRunDirectory, runDirectory } from './run-directory.js'
import { clearSoon, isTold, recordEnd, recordLoss, settle, settleEnd } from './settle.js'
import { mayDo } from './states.js'
import { tracedContainer } from './traced-container.js'
import { attachedStreams, lookForStart, takeWaiting } from './waiting-attachments.js'

type Launched = Awaited<ReturnType<ContainerContext['launch']>>

const otherProcessMs = 10_000

/**
 * Starts a created or exited container. Of several processes that try at once exactly one does.
 *
 * @returns the live container, or undefined when it runs already
 * @throws {InvalidStateError} when it is being removed; {LaunchError} when the program cannot be started
 */
export async function start(context: ContainerContext, id: string, streams: StartStreams): Promise<Live | undefined> {
  await letGo(context, id)
  for (const deadline = performance.now() + otherProcessMs; ; ) {
    const lock = lockRunDirectory(context.runRoot, id)
    if (lock !== undefined) {
      const live = await launching(context, id, () => startLocked(context, id, lock, streams))
      lookForStart(context, id)
      if (live) return live
    }
    const record = context.containers.get(id)
    const now = record && (await settle(context, record))
    if (!now) throw noSuchContainer(id)
    if (!mayDo('start', statusOf(now), id)) return undefined
    if (performance.now() > deadline && !isCopied(context.runRoot, id))
      throw refuse(id, now.status, 'is being started or ended by another process, which does not finish')
    // Another process is between two of its steps: nothing tells when it has done the next.
    if (lock === undefined && !(await clearRun(context, id, record.config.rm))) await delay(2)
  }
}

/** Undefined when another process was first. */
async function startLocked(
  context: ContainerContext,
  id: string,
  lock: number,
  streams: StartStreams,
): Promise<Live | undefined> {
  const record = await begin(context, id, lock)
  if (record && streams.attached) context.tell(record, 'attach')
  return record && launch(context, record, lock, streams)
}

/** The record in phase `started`; undefined, with the run directory removed, when another process was first. */
async function begin(context: ContainerContext, id: string, lock: number): Promise<ContainerRecord | undefined> {
  let record: ContainerRecord | undefined
  try {
    failpoint('start.begin')
    record = await context.begin(id)
    return record
  } finally {
    if (!record) await clearHeld(context, id, false).finally(() => closeSync(lock))
  }
}

/** Launches a record that is in phase `started` by our doing. Takes over the lock of its run directory. */
export async function launch(
  context: ContainerContext,
  record: ContainerRecord,
  lock: number,
  streams: StartStreams,
): Promise<Live> {
  // Who has the streams already shares them with nobody.
  const waiting = streams.attached ? undefined : takeWaiting(context, record.id)
  try {
    const given = waiting ? attachedStreams(streams, waiting) : streams
    const launched = await traced('inboard:container.start', tracedContainer(record), async (message) => {
      const launched = await context.launch(record, lock, given)
      if (message) message.pid = launched.pid
      return launched
    })
    const live = follow(context, record, launched, !given.attached && isForwarded(given, record.config))
    waiting?.begin({ session: live.session, ended: firstEnd(live) })
    return live
  } catch (error) {
    await recordFailure(context, record, error).catch(() => context.lookAgain(record.id, record))
    waiting?.fail(error)
    throw error
  } finally {
    closeSync(lock)
  }
}

/** Sees a running container to its end. */
function follow(context: ContainerContext, record: ContainerRecord, launched: Launched, isWatched: boolean): Live {
  const { session, supervisorGone } = launched
  const ended = session.exited.then((exit) =>
    reporting(`cannot record the end of container ${record.name}`, async () => {
      if (!exit && session.released) throw context.closing.reason
      context.finishing.add(record.id)
      if (exit) {
        await context.retireEndpoints(record)
        const outcome = withFailure(outcomeOf(exit), session.failure, record.name)
        recordEnd(context, record, outcome, isTold(context, record.id))
        return outcome
      }
      await supervisorGone
      return settleUntold(context, record, session)
    }),
  )
  const gone = ended
    .then(async () => {
      await supervisorGone
      const torndown = await session.torndown
      // A whole teardown has removed the run directory of an rm container, too, unless that tells what its supervisor could not.
      const isWhole = torndown?.failures === 0 && !existsSync(runDirectory(context.runRoot, record.id))
      if (record.config.rm && isWhole) await context.releaseVolumes(record.id)
      else if (!(await clearSoon(context, record))) context.lookAgain(record.id, record)
      if (record.config.rm) await context.discardVolumes(record)
    })
    // What could not be recorded or removed is there still, and tells of itself.
    .catch(() => context.lookAgain(record.id, record))
    .then(() => {
      context.live.delete(record.id)
      context.finishing.delete(record.id)
    })
  const live: Live = {
    id: record.id,
    session,
    isWatched,
    ended: () => session.hold(ended),
    end: ended,
    gone: () => session.hold(gone),
  }
  context.live.set(record.id, live)
  session.unref()
  return live
}

/**
 * The end of a run whose supervisor was killed before it told us: it may have left a record, and others may have settled it.
 * Its lock may be held a moment longer: by a process that it was just making, or that this process was, with copies of its descriptors.
 */
async function settleUntold(context: ContainerContext, record: ContainerRecord, session: Session): Promise<Outcome> {
  for (const deadline = performance.now() + otherProcessMs; ; await delay(2)) {
    const { outcome } = await settleEnd(context, record)
    const now = context.containers.get(record.id)
    if (now?.attempt === record.attempt && now.phase !== 'started' && now.outcome) return now.outcome
    if (outcome && outcome.startedAtNs !== '0') return outcome
    if (now?.attempt !== record.attempt || performance.now() > deadline) return lostOutcome(true, session.start)
  }
}

/** A container whose program never ran is as it was before, and remembers why, as Docker's does. */
async function recordFailure(context: ContainerContext, record: ContainerRecord, error: unknown): Promise<void> {
  const outcome: Outcome = {
    startedAtNs: '0',
    finishedAtNs: '0',
    exitCode: error instanceof LaunchError ? error.exitCode : 125,
    signal: 0,
    oomKilled: false,
    error: error instanceof Error ? error.message : String(error),
  }
  await recordLoss(context, record, outcome, record.attempt === 1 ? 'created' : 'exited', async () => {
    await clearHeld(context, record.id, record.config.rm)
    return true
  })
}

function refuse(id: string, from: string, why: string): InvalidStateError {
  return invalidState(`container ${id} ${why}`, { container: id, from, to: 'running' })
}
