import { inTime } from '../sockets/in-time.js'
import type { ContainerRecord } from '../store/containers.js'
import { traced } from '../tracing/index.js'
import type { ContainerContext } from './context.js'
import { send, stopSignalOf } from './kill.js'
import { type Present, presentFor } from './present.js'
import { signalNumber } from './signals.js'
import { tracedContainer } from './traced-container.js'
import { waitEnded } from './wait.js'

/** Options of {@link Container.stop}. */
export interface StopOptions {
  /** How long the program has to end after the stop signal, in ms. Default: the container's stopTimeout, else 10,000. Negative: for ever. */
  readonly timeoutMs?: number
  /** What asks the program to end, as a name or number, instead of the container's stop signal. */
  readonly stopSignal?: string | number
  /** Stops waiting; what was sent stays sent. */
  readonly signal?: AbortSignal
}

const defaultTimeoutMs = 10_000

/** Asks the program to end, then makes it. One that does not run is stopped already. */
export async function stop(context: ContainerContext, id: string, options: StopOptions): Promise<void> {
  if (options.stopSignal !== undefined) signalNumber(options.stopSignal)
  const now = await presentFor(context, id, 'stop', options.signal)
  if (now) await end(context, now, options)
}

/** Ends a container that runs, and tells of it. */
export function end(context: ContainerContext, now: Present, options: StopOptions): Promise<void> {
  return traced('inboard:container.stop', tracedContainer(now.record), async (message) => {
    const isKilled = await endInTime(context, now, options)
    if (message) message.isKilled = isKilled
  })
}

/** @returns whether it had to be killed */
async function endInTime(context: ContainerContext, now: Present, options: StopOptions): Promise<boolean> {
  const { signal } = options
  const { record } = now
  let isKilled = false
  const ended = waitEnded(context, record.id, signal)
  ended.catch(() => {})
  if (await send(context, now, stoppingSignal(context, record, options), true)) {
    isKilled = !(await inTime(ended, patienceWith(record, options)))
    if (isKilled) await send(context, { ...now, status: 'running' }, signalNumber('SIGKILL'))
  }
  await ended
  context.tell(record, 'stop')
  return isKilled
}

/** What asks the program to end. */
export const stoppingSignal = (
  context: ContainerContext,
  record: ContainerRecord,
  { stopSignal }: StopOptions,
): number => signalNumber(stopSignal ?? stopSignalOf(context, record) ?? 'SIGTERM')

/** How long the program has, in ms. */
export const patienceWith = ({ config: { stopTimeout } }: ContainerRecord, { timeoutMs }: StopOptions): number =>
  timeoutMs ?? (stopTimeout === undefined ? defaultTimeoutMs : stopTimeout * 1000)
