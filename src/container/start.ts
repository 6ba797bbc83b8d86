import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { InvalidStateError, LaunchError } from '../errors/index.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import type { ContainerContext, Live, StartStreams } from './context.js'
import { lostOutcome, outcomeOf } from './observe.js'
import { lockRunDirectory, removeHeld, removeRunDirectory } from './run-directory.js'
import { recordEnd, settle } from './settle.js'

const otherProcessMs = 10_000

/**
 * Starts a created or exited container. Of several processes that try at once exactly one does.
 *
 * @returns the live container, or undefined when it runs already
 * @throws {InvalidStateError} when it is being removed; {LaunchError} when the program cannot be started
 */
export async function start(context: ContainerContext, id: string, streams: StartStreams): Promise<Live | undefined> {
  for (const deadline = performance.now() + otherProcessMs; ; ) {
    const lock = lockRunDirectory(context.runRoot, id)
    if (lock !== undefined) {
      const record = context.containers.begin(id, context.bootId)
      if (record) return launch(context, record, lock, streams)
      await removeHeld(context.runRoot, id)
      closeSync(lock)
    }
    const record = context.containers.get(id)
    const now = record && (await settle(context, record))
    if (!now || now.status === 'removing') throw refuse(id, 'removing', 'is marked for removal and cannot be started')
    if (now.status === 'running') return undefined
    if (performance.now() > deadline)
      throw refuse(id, now.status, 'is being started or ended by another process, which does not finish')
    // Another process is between two of its steps: nothing tells when it has done the next.
    if (lock === undefined && !(await removeRunDirectory(context.runRoot, id))) await delay(2)
  }
}

/** Launches a record that is in phase `started` by our doing, with its run directory locked. */
export async function launch(
  context: ContainerContext,
  record: ContainerRecord,
  lock: number,
  streams: StartStreams,
): Promise<Live> {
  const { session, pid, startedAtNs, supervisorGone } = await context
    .launch(record, lock, streams)
    .catch((error: unknown) => recordFailure(context, record, error))
  const ended = session.exited.then(async (exit) => {
    if (!exit && session.released) throw context.closing.reason
    context.finishing.add(record.id)
    if (!exit) await supervisorGone.then(() => context.teardown(record))
    const outcome = exit ? outcomeOf(exit, { startedAtNs }) : lostOutcome(true, { startedAtNs })
    recordEnd(context, record, outcome)
    return outcome
  })
  const gone = ended.then(
    async () => {
      await supervisorGone
      await removeRunDirectory(context.runRoot, record.id)
      context.live.delete(record.id)
      context.finishing.delete(record.id)
    },
    () => {},
  )
  const live: Live = {
    id: record.id,
    session,
    pid,
    startedAtNs,
    ended: () => session.hold(ended),
    gone: () => session.hold(gone),
  }
  context.live.set(record.id, live)
  session.unref()
  return live
}

/** A container whose program never ran is as it was before, and remembers why, as Docker's does. */
async function recordFailure(context: ContainerContext, record: ContainerRecord, error: unknown): Promise<never> {
  const outcome: Outcome = {
    startedAtNs: '0',
    finishedAtNs: '0',
    exitCode: error instanceof LaunchError ? error.exitCode : 125,
    signal: 0,
    oomKilled: false,
    error: error instanceof Error ? error.message : String(error),
  }
  recordEnd(context, record, outcome, record.attempt === 1 ? 'created' : 'exited')
  await removeRunDirectory(context.runRoot, record.id)
  throw error
}

function refuse(id: string, from: string, why: string): InvalidStateError {
  return new InvalidStateError(`container ${id} ${why}`, {
    code: 'INVALID_STATE',
    details: { container: id, from, to: 'running' },
  })
}
