import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Session } from '../launch/session.js'
import type { Outcome } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { outcomeOf } from './observe.js'
import { runDirectory } from './run-directory.js'
import { settle } from './settle.js'

/**
 * Waits until a container does not run, whoever started it, woken by its supervisor.
 *
 * @returns how it ended; undefined when it never ran
 */
export async function waitEnded(
  context: ContainerContext,
  id: string,
  aborted?: AbortSignal,
): Promise<Outcome | undefined> {
  aborted?.throwIfAborted()
  const live = context.live.get(id)
  if (live) return abortable(live.ended(), aborted)
  const signal = aborted ? AbortSignal.any([aborted, context.closing]) : context.closing
  for (;;) {
    signal.throwIfAborted()
    const record = context.containers.get(id)
    const now = record && (await settle(context, record))
    if (!now || now.status === 'created' || now.status === 'removing') return record?.outcome
    if (now.status === 'exited') return now.outcome
    const session = await connect(context, id)
    if (!session) {
      await delay(2, undefined, { signal })
      continue
    }
    try {
      const exit = await abortable(session.exited, signal)
      const hello = exit && (await session.hello)
      if (exit) return outcomeOf(exit, { startedAtNs: hello?.startedAtNs })
    } finally {
      session.close()
    }
  }
}

/** A dialogue with the supervisor of a running container; undefined when there is none (yet, or any more). */
export async function connect(context: Pick<ContainerContext, 'runRoot'>, id: string): Promise<Session | undefined> {
  const socket = createConnection(`${runDirectory(context.runRoot, id)}/sock`)
  const session = new Session(socket)
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('close', () => resolve(false))
  })
  return connected ? session : undefined
}

/** Stops waiting, not the work, when the signal fires. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  signal.throwIfAborted()
  let onAbort!: () => void
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
