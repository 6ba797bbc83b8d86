import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

export interface TimeLimit {
  readonly ms: number
  /** What it fails with when the time is over. */
  readonly tooLate: () => Error
  /** Any of them ends it, too. */
  readonly signals: readonly (AbortSignal | undefined)[]
}

/**
 * What `work` comes to, unless the time is over or a signal fires before: then the work's own signal fires with the same reason,
 * and whatever becomes of the work is nobody's any more.
 */
export function within<Result>(
  { ms, tooLate, signals }: TimeLimit,
  work: (signal: AbortSignal) => Result | Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const live = signals.filter((signal) => signal !== undefined)
    const fired = live.find((signal) => signal.aborted)
    if (fired) {
      reject(fired.reason)
      return
    }
    const controller = new AbortController()
    const giveUp = (reason: unknown) => {
      end()
      reject(reason)
      controller.abort(reason)
    }
    const timer = setTimeout(() => giveUp(tooLate()), ms)
    const listeners = live.map((signal) => ({ signal, onAbort: () => giveUp(signal.reason) }))
    const end = () => {
      clearTimeout(timer)
      // Not AbortSignal.any(): the signals may live for long, and must not gather what has ended.
      for (const { signal, onAbort } of listeners) signal.removeEventListener('abort', onAbort)
    }
    for (const { signal, onAbort } of listeners) {
      // Many calls at once are no leak: each takes its listener away.
      setMaxListeners(0, signal)
      signal.addEventListener('abort', onAbort, { once: true })
    }
    // Also what is thrown before there is a promise is an answer.
    new Promise<Result>((settle) => settle(work(controller.signal))).finally(end).then(resolve, reject)
  })
}

/** Waits for all that is done, but no longer than `ms`: then it goes on by itself. @throws what one of it fails with meanwhile */
export async function patiently(works: readonly Promise<void>[], ms: number): Promise<void> {
  const impatience = new AbortController()
  try {
    await Promise.race([Promise.all(works), delay(ms, undefined, { signal: impatience.signal }).catch(() => {})])
  } finally {
    impatience.abort()
  }
}

/** What must not be given up takes it. */
export const neverAborted: AbortSignal = new AbortController().signal

/** Fires a while after another signal, for the same reason. */
export function delayed(signal: AbortSignal, ms: number): AbortSignal {
  const controller = new AbortController()
  signal.addEventListener('abort', () => setTimeout(() => controller.abort(signal.reason), ms).unref(), { once: true })
  return controller.signal
}

/** Waits. @throws the signal's reason */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
  signal.throwIfAborted()
}
