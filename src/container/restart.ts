import { native } from '../host/index.js'
import { restartPolicies, type StartedFrame } from '../launch/protocol.gen.js'
import type { Session } from '../launch/session.js'
import { inTime } from '../sockets/in-time.js'
import type { ContainerRecord } from '../store/containers.js'
import { abortable } from './abortable.js'
import { type ContainerContext, detachedStreams } from './context.js'
import { askSupervisor } from './dialogue.js'
import { type Present, presentFor } from './present.js'
import { signalNumber } from './signals.js'
import { start } from './start.js'
import { isAlive } from './states.js'
import { end, patienceWith, type StopOptions, stoppingSignal } from './stop.js'

/** Stops it, if it runs, and starts it. */
export async function restart(context: ContainerContext, id: string, options: StopOptions): Promise<void> {
  if (options.stopSignal !== undefined) signalNumber(options.stopSignal)
  const now = (await presentFor(context, id, 'restart', options.signal)) as Present
  const isAgain = now.record.config.rm && (await restartInRun(context, now, options))
  if (!isAgain) {
    if (isAlive(now.status)) await end(context, now, options)
    options.signal?.throwIfAborted()
    await start(context, id, detachedStreams)
  }
  context.tell(now.record, 'restart')
}

/**
 * Of one that is removed when its run is over, the run goes on: its supervisor starts it again, this once.
 *
 * @returns false when it does not run (any more)
 */
async function restartInRun(context: ContainerContext, now: Present, options: StopOptions): Promise<boolean> {
  const { id } = now.record
  const frame = await askSupervisor(context, id, async (session) => {
    if ((await session.policy(restartPolicies.once, 0)) !== 0) return undefined
    try {
      return await again(context, now, session, options)
    } finally {
      await session.policy(restartPolicies.no, 0)
    }
  })
  return frame !== undefined
}

/** Undefined: its run is over all the same, because somebody else has ended it. */
async function again(
  context: ContainerContext,
  { record, status }: Present,
  session: Session,
  options: StopOptions,
): Promise<StartedFrame | undefined> {
  const stopSignal = stoppingSignal(context, record, options)
  let unwatch = () => {}
  const next = new Promise<void>((resolve) => {
    unwatch = session.watch({ onRestarting: () => resolve() })
    void session.exited.then(() => resolve())
  })
  const ended = abortable(next, options.signal)
  ended.catch(() => {})
  const started = startOf(session)
  const sendSignal = async (signal: number, reach?: { readonly everyone: boolean }) => {
    context.markStopped(record, signal)
    await context.events.told()
    await session.signal(signal, reach)
  }
  try {
    await allowAnotherMount(context, record)
    await sendSignal(stopSignal)
    if (status === 'paused') await session.freeze(false, true)
    if (!(await inTime(ended, patienceWith(record, options)))) {
      await sendSignal(signalNumber('SIGKILL'), { everyone: true })
    }
    await ended
    context.tell(record, 'stop')
    return await started
  } finally {
    unwatch()
  }
}

function startOf(session: Session): Promise<StartedFrame | undefined> {
  let unwatch = () => {}
  const next = new Promise<StartedFrame | undefined>((resolve) => {
    unwatch = session.watch({ onStarted: resolve })
    void session.exited.then(() => resolve(undefined))
  })
  return next.finally(() => unwatch())
}

/**
 * The kernel does not mount an overlay again that was not synced, as after a power cut: what says so is removed. Here it is the
 * same kernel that has its files.
 *
 * @see https://docs.kernel.org/filesystems/overlayfs.html#volatile-mount
 */
async function allowAnotherMount({ root }: ContainerContext, { id }: ContainerRecord): Promise<void> {
  await native().removeTree(`${root}/containers/${id}/work/work/incompat`)
}
