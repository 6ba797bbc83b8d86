import { setTimeout as delay } from 'node:timers/promises'

/** Waits. @throws the signal's reason */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
  signal?.throwIfAborted()
}
