import { setTimeout as delay } from 'node:timers/promises'
import type { ExitedFrame, RestartingFrame } from '../launch/protocol.gen.js'
import type { Session } from '../launch/session.js'
import { type ContainerRecord, noSuchContainer, type Outcome } from '../store/containers.js'
import { abortable, linkedSignal } from './abortable.js'
import type { ContainerContext } from './context.js'
import { connect, listenToSupervisor, liveOf } from './dialogue.js'
import { statusOf } from './inspect-state.js'
import { launchOver } from './launching.js'
import { outcomeOf } from './observe.js'
import { awaitCleared } from './run-directory.js'
import { settleEnd } from './settle.js'
import { isAlive } from './states.js'
import { toldEnd } from './told-end.js'

/**
 * What is waited for: that it does not run (any more), that it ends once more, or that it is removed. Of one that is started
 * again when it ends, each end counts.
 */
export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** Options of {@link Container.wait}. */
export interface WaitOptions {
  /** Default `'not-running'`. */
  readonly condition?: WaitCondition
  readonly signal?: AbortSignal
}

/**
 * Waits for a container, whoever started it: woken by its supervisor, or by the store when it has none.
 *
 * @returns how it ended; undefined when it never ran
 * @throws {NotFoundError} CONTAINER_NOT_FOUND
 */
export async function wait(
  context: ContainerContext,
  id: string,
  { condition = 'not-running', signal: aborted }: WaitOptions,
): Promise<Outcome | undefined> {
  const { signal, unlink } = linkedSignal(aborted, context.closing)
  try {
    return await reach(context, id, condition, signal)
  } finally {
    unlink()
  }
}

async function reach(
  context: ContainerContext,
  id: string,
  condition: WaitCondition,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  let before: ContainerRecord | undefined
  let outcome: Outcome | undefined
  let hasEnded = condition === 'not-running'
  for (;;) {
    signal.throwIfAborted()
    const progress = context.containers.progress(id)
    const now = await look(context, id)
    if (!now && !before) throw noSuchContainer(id)
    if (!now?.observed) {
      const known = now?.outcome ?? outcome
      if (condition === 'removed' || !known) await untilCleared(context, id)
      return known ?? toldEnd(context, now?.record ?? (before as ContainerRecord))
    }
    const { record, observed } = now
    hasEnded ||= before !== undefined && hasRunSince(before, record)
    outcome = now.outcome ?? outcome
    before = record
    if (observed.status === 'starting') await started(context, id, signal)
    else if (isAlive(statusOf(observed))) {
      const end = await nextEnd(context, id, signal)
      if (end && condition !== 'removed') return end
      outcome = end ?? outcome
      hasEnded = true
    } else if (hasEnded && condition !== 'removed') return outcome
    else await untilProgress(context, id, progress, signal)
  }
}

/** Of another process's start nothing tells when it is over: that is a matter of a moment. */
async function started(context: ContainerContext, id: string, signal: AbortSignal): Promise<void> {
  if (!(await launchOver(context, id, signal))) await delay(momentMs, undefined, { signal })
}

/** What is true of a container, and how it has ended last; undefined when there is none. `observed`: not of one that is gone by now. */
async function look(context: ContainerContext, id: string) {
  const record = context.containers.get(id)
  if (!record) return undefined
  const { observed, outcome } = await settleEnd(context, record)
  const now = context.containers.get(id) ?? record
  return { record: now, observed, outcome: outcome ?? now.outcome }
}

/** Whether a run has ended between two looks, of which the first saw at most its beginning. What could not be started has not. */
function hasRunSince(before: ContainerRecord, { attempt, outcome, phase }: ContainerRecord): boolean {
  const isNew = attempt !== before.attempt || before.phase === 'started'
  return isNew && phase !== 'started' && outcome !== undefined && outcome.startedAtNs !== '0'
}

/**
 * Waits until the run of a container is over: it is not started again.
 *
 * @returns how it ended; undefined when it never ran
 */
export async function waitEnded(
  context: ContainerContext,
  id: string,
  aborted?: AbortSignal,
): Promise<Outcome | undefined> {
  const live = liveOf(context, id)
  if (live) return live.session.hold(abortable(live.end, aborted))
  const { signal, unlink } = linkedSignal(aborted, context.closing)
  try {
    return await untilEnded(context, id, signal)
  } finally {
    unlink()
  }
}

async function untilEnded(context: ContainerContext, id: string, signal: AbortSignal): Promise<Outcome | undefined> {
  for (;;) {
    signal.throwIfAborted()
    const now = await look(context, id)
    if (!now?.observed) return now?.outcome
    const { status } = now.observed
    if (status !== 'starting' && !isAlive(statusOf(now.observed))) return now.outcome
    const exit = await withSession(context, id, signal, (session) => abortable(session.exited, signal))
    if (exit) return outcomeOf(exit)
  }
}

/** How it ends next, whether it is started again or not; undefined: look again. */
async function nextEnd(context: ContainerContext, id: string, signal: AbortSignal): Promise<Outcome | undefined> {
  const live = liveOf(context, id)
  // Of a run of our own, all that follows its end is done then.
  if (live)
    return live.session.hold(
      abortable(live.end, signal, (hear) => live.session.watch({ onRestarting: (frame) => hear(outcomeOf(frame)) })),
    )
  const frame = await withSession<ExitedFrame | RestartingFrame>(context, id, signal, (session) =>
    abortable<ExitedFrame | RestartingFrame | undefined>(session.exited, signal, (hear) =>
      session.watch({ onRestarting: hear }),
    ),
  )
  return frame && outcomeOf(frame)
}

/** Undefined: there is no supervisor, or it has gone before it told. */
async function withSession<Answer>(
  context: ContainerContext,
  id: string,
  signal: AbortSignal,
  ask: (session: Session) => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const answer = await listenToSupervisor(context, id, ask)
  if (answer === undefined) await delay(momentMs, undefined, { signal })
  return answer
}

/** Nothing tells when a supervisor has its socket, or has just gone: both are matters of a moment. */
const momentMs = 2

/** Waits for something to change in what the store says of a container since `progress` was read. */
export async function untilProgress(
  context: ContainerContext,
  id: string,
  progress: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  let stop = () => {}
  const changed = new Promise<void>((resolve, reject) => {
    const check = () => {
      try {
        if (context.containers.progress(id) !== progress) resolve()
      } catch (error) {
        reject(error)
      }
    }
    stop = context.onCommit(check)
    check()
  })
  try {
    await abortable(changed, signal)
  } finally {
    stop()
  }
}

/** Waits until nothing is left of a container whose record is gone: whoever removes it may be at it still. */
async function untilCleared(context: ContainerContext, id: string): Promise<void> {
  await context.live.get(id)?.gone()
  const session = await connect(context, id)
  await session?.closed
  await awaitCleared(context, id)
}
