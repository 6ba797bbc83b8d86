import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from './context.js'
import { kill } from './kill.js'
import { settle } from './settle.js'
import { waitEnded } from './wait.js'

export interface StopRequest {
  /** The signal asked for first. */
  readonly stopSignal: string | number
  /** How long the program has until SIGKILL; negative: for ever. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** Asks the program to end, then makes it. One that does not run is stopped already. */
export async function stop(
  context: ContainerContext,
  id: string,
  { stopSignal, timeoutMs, signal }: StopRequest,
): Promise<void> {
  const record = context.containers.get(id)
  const now = record && (await settle(context, record))
  if (now?.status !== 'running' && now?.status !== 'starting') return
  const ended = waitEnded(context, id, signal)
  if (await signalled(context, id, stopSignal)) {
    const timer = new AbortController()
    const patience =
      timeoutMs < 0 ? undefined : delay(timeoutMs, 'late' as const, { signal: timer.signal }).catch(() => undefined)
    const first = await Promise.race([ended.then(() => 'ended' as const), ...(patience ? [patience] : [])]).finally(
      () => timer.abort(),
    )
    if (first === 'late') await signalled(context, id, 'SIGKILL')
  }
  await ended
}

/** false: it has ended meanwhile. */
async function signalled(context: ContainerContext, id: string, signal: string | number): Promise<boolean> {
  try {
    await kill(context, id, signal)
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'INVALID_STATE') return false
    throw error
  }
}
