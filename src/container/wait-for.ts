import { setTimeout as delay } from 'node:timers/promises'
import { InvalidStateError } from '../errors/index.js'
import type { HealthFrame, HelloFrame, StartedFrame } from '../launch/protocol.gen.js'
import { healthSchedule } from '../spec/health.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import { linkedSignal } from './abortable.js'
import { invalidState } from './container-errors.js'
import type { ContainerContext } from './context.js'
import { connect } from './dialogue.js'
import { readHealth } from './health.js'
import { type Settled, statusOf } from './inspect-state.js'
import { settle } from './settle.js'

/** What a container can be waited for to be: its program runs, or its health checks succeed. */
export type AwaitedState = 'running' | 'healthy'

/** Options of {@link Container.waitFor}. */
export interface WaitForOptions {
  /** How long to wait at most, in ms. Default: for ever for a state, 60,000 for a strategy or a function. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Waits for a container that runs, is being started or is started again, whoever did that; woken by its supervisor. */
export async function waitFor(
  context: ContainerContext,
  id: string,
  state: AwaitedState,
  { timeoutMs, signal }: WaitForOptions,
): Promise<void> {
  const over = new AbortController()
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => over.abort(timedOut(context, id, state, timeoutMs)), timeoutMs)
  const linked = linkedSignal(over.signal, context.closing, signal)
  try {
    await reach(context, id, state, linked.signal)
  } finally {
    linked.unlink()
    clearTimeout(timer)
  }
}

async function reach(context: ContainerContext, id: string, state: AwaitedState, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const record = context.containers.get(id)
    if (!record) throw noSuchContainer(id)
    const observed = await settle(context, record)
    if (!isUnderWay(observed)) throw over(record, observed, state)
    const isReached = state === 'running' ? runs : healthOf(context, record)
    if (await watched(context, id, isReached, signal)) return
    // Nothing tells when a supervisor has its socket, or has just gone: both are matters of a moment.
    await delay(2, undefined, { signal })
  }
}

const isUnderWay = (observed: Settled | undefined): observed is Settled =>
  observed?.status === 'starting' || observed?.status === 'running' || observed?.status === 'restarting'

/** Whether what is waited for is so: by what the supervisor tells. */
type Look = (told: HelloFrame | StartedFrame | HealthFrame) => boolean

const runs: Look = (told) => told.type === 'started' || (told.type === 'hello' && told.phase === running)

/** `phase` of the greeting. */
const running = 1

function healthOf(context: ContainerContext, record: ContainerRecord): Look {
  const schedule = healthSchedule(record.config, context.inspectImage(record).config)
  if (!schedule)
    throw invalidState(`Container ${record.name} has no health check: give it one with healthCmd()`, {
      container: record.id,
      from: 'running',
      to: 'healthy',
    })
  return (told) => {
    const now = healthTold(context, record.id, told)
    // A pause makes a container unhealthy, too, until the next check.
    if (now?.status === 'unhealthy' && now.streak >= schedule.retries) throw unhealthy(context, record, now.streak)
    return now?.status === 'healthy'
  }
}

/** What was before the greeting is on record. */
function healthTold({ runRoot }: ContainerContext, id: string, told: HelloFrame | StartedFrame | HealthFrame) {
  if (told.type === 'health') return { status: statuses[told.status], streak: told.streak }
  return told.type === 'hello' && told.phase === running ? readHealth(runRoot, id) : undefined
}

const statuses: Readonly<Record<number, string>> = { 1: 'starting', 2: 'healthy', 3: 'unhealthy' }

/** False: there is no supervisor (any more). */
async function watched(context: ContainerContext, id: string, look: Look, signal: AbortSignal): Promise<boolean> {
  const session = await connect(context, id)
  if (!session) return false
  let onAbort = () => {}
  try {
    const told = new Promise<boolean>((resolve, reject) => {
      const check = (frame: Parameters<Look>[0]) => {
        try {
          if (look(frame)) resolve(true)
        } catch (error) {
          reject(error)
        }
      }
      session.watch({ onStarted: check, onHealth: check })
      void session.hello.then((hello) => hello && check(hello))
      void Promise.race([session.exited, session.closed]).then(() => resolve(false))
      onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
    return await session.hold(told)
  } finally {
    signal.removeEventListener('abort', onAbort)
    session.close()
  }
}

function over({ id, name }: ContainerRecord, observed: Settled | undefined, to: AwaitedState): InvalidStateError {
  const from = observed ? statusOf(observed) : 'removing'
  const why = from === 'created' ? 'it was not started' : 'it has ended'
  return invalidState(`Container ${name} is not running: ${why}, and cannot become ${to}`, { container: id, from, to })
}

function unhealthy(context: ContainerContext, { id, name }: ContainerRecord, streak: number): InvalidStateError {
  const last = readHealth(context.runRoot, id)?.results.at(-1)
  const said = last ? `; the last one: exit code ${last.exitCode}, ${JSON.stringify(last.output.slice(0, 200))}` : ''
  return new InvalidStateError(`Container ${name} is unhealthy: ${streak} checks have failed in a row${said}`, {
    code: 'CONTAINER_UNHEALTHY',
    details: {
      container: id,
      from: 'unhealthy',
      to: 'healthy',
      streak,
      exitCode: last?.exitCode,
      output: last?.output,
    },
  })
}

function timedOut(
  { containers, runRoot }: ContainerContext,
  id: string,
  to: AwaitedState,
  timeoutMs: number,
): InvalidStateError {
  const name = containers.get(id)?.name ?? id
  const health = to === 'healthy' ? readHealth(runRoot, id) : undefined
  const last = health?.results.at(-1)
  return new InvalidStateError(`Container ${name} is not ${to} after ${timeoutMs} ms`, {
    code: 'WAIT_TIMED_OUT',
    details: { container: id, to, timeoutMs, from: health?.status, exitCode: last?.exitCode, output: last?.output },
  })
}
