import { setTimeout as delay } from 'node:timers/promises'
import type { Outcome } from '../store/containers.js'
import { all } from '../wait/together.js'
import { abortable, linkedSignal } from './abortable.js'
import { Attempts } from './attempts.js'
import type { Container } from './container.js'
import { invalidState } from './container-errors.js'
import type { ContainerContext, Live } from './context.js'
import { settledNow } from './files.js'
import { statusOf } from './inspect-state.js'
import { LastLog } from './last-log.js'
import { present } from './present.js'
import { type Failure, notReady } from './readiness-failure.js'
import { isAlive } from './states.js'
import { waitEnded } from './wait.js'
import type { Readiness, WaitStrategy } from './wait-strategy.js'

export interface ReadinessOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** The run that is waited for, when this process has begun it: its end is known also when the container is gone by then. */
  readonly live?: Live | undefined
}

/** How a run has ended, as far as that is known. */
interface End {
  readonly outcome: Outcome | undefined
}

const timedOut = Symbol('timed out')
const endedEarly = Symbol('ended early')

const longestTimerMs = 2 ** 31 - 1

/** So long strategies that are not needed any more are waited for: one of a user's own may not care. */
const stoppingMs = 1000

/**
 * Waits until a container is ready by all of `ready`.
 *
 * @throws {InvalidStateError} WAIT_TIMED_OUT, CONTAINER_EXITED_EARLY, INVALID_STATE; what a strategy throws; the signal's reason
 */
export async function waitReady(
  context: ContainerContext,
  container: Container,
  ready: readonly Readiness[],
  { timeoutMs, signal, live }: ReadinessOptions,
): Promise<void> {
  const strategy = all(...ready)
  const over = new AbortController()
  const linked = linkedSignal(over.signal, context.closing, signal)
  const timer = setTimeout(() => over.abort(timedOut), Math.min(timeoutMs, longestTimerMs))
  const attempts = new Attempts()
  const log = new LastLog(context, container.id, live)
  const ended = endOf(context, container.id, live, linked.signal)
  if (!strategy.settlesAtExit) void ended.then((end) => end && over.abort(endedEarly))
  let waiting: Promise<void> | undefined
  try {
    const startedAt = live ? timeOf(live.session.start?.startedAtNs) : await startOf(context, container.id, strategy)
    const attempted = (what: string) => attempts.add(what)
    waiting = strategy.wait({ container, startedAt, signal: linked.signal, attempted })
    waiting.catch(() => {})
    await abortable(waiting, linked.signal)
  } catch (error) {
    signal?.throwIfAborted()
    context.closing.throwIfAborted()
    const failure = await failureOf(context, container.id, over.signal.reason, ended)
    if (!failure) throw error
    const told = { waited: strategy.description, attempts: attempts.list(), lastLog: await log.lines() }
    const cause = over.signal.aborted ? undefined : error
    throw await notReady(context, container, { ...failure, timeoutMs, ...told, cause })
  } finally {
    over.abort()
    clearTimeout(timer)
    linked.unlink()
    await Promise.all([log.close(), waiting && stopped(waiting)])
  }
}

/** Undefined: the waiting has ended first. */
async function endOf(
  context: ContainerContext,
  id: string,
  live: Live | undefined,
  signal: AbortSignal,
): Promise<End | undefined> {
  try {
    const end = live ? live.session.hold(abortable(live.end, signal)) : waitEnded(context, id, signal)
    return { outcome: await end }
  } catch {
    return undefined
  }
}

/** Undefined: the container goes on, and the strategy itself has given up. */
async function failureOf(
  context: ContainerContext,
  id: string,
  reason: unknown,
  ended: Promise<End | undefined>,
): Promise<Pick<Failure, 'kind' | 'outcome'> | undefined> {
  if (reason === timedOut) return { kind: 'late', outcome: undefined }
  const now = reason === endedEarly ? undefined : await settledNow(context, id)
  if (now && (now.status === 'starting' || isAlive(statusOf(now)))) return undefined
  if (now?.status === 'created') return undefined
  const end = await ended
  return { kind: 'ended', outcome: end?.outcome }
}

/** When the program was started, of which it is to be known whether it is ready. */
async function startOf(context: ContainerContext, id: string, strategy: WaitStrategy): Promise<Date> {
  const { record, observed, status } = await present(context, id)
  if (observed.status === 'running') return timeOf(observed.startedAtNs)
  const outcome = 'outcome' in observed ? observed.outcome : undefined
  const isOver = status === 'exited' && outcome !== undefined
  if (observed.status === 'restarting' || (isOver && strategy.settlesAtExit)) return timeOf(outcome?.startedAtNs)
  const why = status === 'created' ? 'it was not started' : `it is ${status}`
  throw invalidState(`Container ${record.name} cannot become ready: ${why}`, {
    container: id,
    from: status,
    to: 'ready',
  })
}

const timeOf = (ns: bigint | string | undefined): Date => new Date(Number(BigInt(ns ?? 0) / 1_000_000n))

/** What was begun has ended, or does not care. */
async function stopped(waiting: Promise<void>): Promise<void> {
  const patience = new AbortController()
  const { signal } = patience
  const late = delay(stoppingMs, undefined, { signal, ref: false }).catch(() => {})
  await Promise.race([waiting.catch(() => {}), late])
  patience.abort()
}
