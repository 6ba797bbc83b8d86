import { setTimeout as delay } from 'node:timers/promises'
import type { Readiness, WaitStrategy, WaitTarget } from '../container/wait-strategy.js'

/** How long to pause between two tries: the longer, the longer it has taken so far, of which it is that part. */
export interface Pauses {
  readonly leastMs: number
  readonly part: number
  readonly mostMs: number
}

/** A try that costs little: what it waits for is noticed within a millisecond or two at first. */
export const shortPauses: Pauses = { leastMs: 1, part: 0.02, mostMs: 100 }
/** A try that has a process made, or a file looked for. */
export const longPauses: Pauses = { leastMs: 10, part: 0.05, mostMs: 500 }

/** Tries until `attempt` does not return false. Nothing tells when the next try will succeed. */
export async function retry(
  { signal }: Pick<WaitTarget, 'signal'>,
  { leastMs, part, mostMs }: Pauses,
  attempt: () => unknown,
): Promise<void> {
  const begin = performance.now()
  for (;;) {
    signal.throwIfAborted()
    if ((await attempt()) !== false) return
    signal.throwIfAborted()
    const soFar = performance.now() - begin
    await delay(Math.min(mostMs, leastMs + soFar * part), undefined, { signal })
  }
}

/** A function becomes the strategy that calls it again and again. */
export function strategyOf(ready: Readiness): WaitStrategy {
  if (typeof ready !== 'function') return ready
  const description = ready.name ? `${ready.name}()` : 'a function'
  return {
    description,
    wait: (target) =>
      retry(target, longPauses, async () => {
        const answer = await ready(target)
        if (answer === false) target.attempted(`${description}: false`)
        return answer
      }),
  }
}

/** A failure of a container that is about to run again, or stands still: it is tried again. */
export function isPassing(error: unknown): boolean {
  const { code, details } = error as { code?: unknown; details?: { from?: unknown } }
  return code === 'INVALID_STATE' && ['starting', 'restarting', 'paused'].includes(String(details?.from))
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** An error by its code, where it has one: that is what differs. */
export const reasonOf = (error: unknown): string => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : messageOf(error)
}
