import { setTimeout as delay, setImmediate as turnOfLoop } from 'node:timers/promises'

/** Of Node's timers. */
const longestMs = 2 ** 31 - 1

/**
 * Whether something happens in time. A process that stood still sees how late it is before it reads what has come meanwhile: that
 * is given a turn of the event loop, and is in time then.
 *
 * @param timeoutMs negative: it has all the time
 */
export async function inTime(awaited: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const happened = awaited.then(() => true)
  if (timeoutMs < 0) return happened
  const timer = new AbortController()
  const late = delay(Math.min(timeoutMs, longestMs), false, { signal: timer.signal })
    .then(() => turnOfLoop(false))
    .catch(() => true)
  try {
    return await Promise.race([happened, late])
  } finally {
    timer.abort()
  }
}
