import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { SyscallError } from '../errors/index.js'
import { native } from '../host/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { askSupervisor } from './dialogue.js'
import { isSameProcess } from './observe.js'
import { type Present, present, presentFor } from './present.js'
import { signalNumber } from './signals.js'
import { refusal } from './states.js'
import { waitEnded } from './wait.js'

const { SIGKILL } = constants.signals
const { ESRCH } = constants.errno

/**
 * Sends a signal to the first process; SIGKILL to all, and waits for the end.
 *
 * @throws {InvalidStateError} when it does not run
 */
export async function kill(context: ContainerContext, id: string, signal: string | number): Promise<void> {
  const number = signalNumber(signal)
  const now = (await presentFor(context, id, 'kill')) as Present
  if (number !== SIGKILL) {
    if (!(await send(context, now, number))) throw refusal('kill', 'exited', id)
    return
  }
  const ended = waitEnded(context, id)
  ended.catch(() => {})
  await send(context, now, number)
  await ended
}

/**
 * Sends a signal as somebody who stops the container: who does not have it started again after a reboot. Where the signal is
 * the one that stops it, it is not started again at all, and goes on if it is paused.
 *
 * @param isStop it is stopped, whatever the signal
 * @returns false: it has ended meanwhile
 */
export async function send(
  context: ContainerContext,
  { record, status }: Present,
  signal: number,
  isStop = false,
): Promise<boolean> {
  const { id } = record
  const final = isStop || isFinal(context, record, signal)
  context.markStopped(record, status === 'restarting' ? undefined : signal)
  const everyone = signal === SIGKILL
  const errno = await askSupervisor(context, id, (session) => session.signal(signal, { everyone, final }))
  if (errno === 0) return true
  if (errno === undefined || errno === ESRCH) return status === 'restarting'
  throw new SyscallError(`Cannot kill container ${id}: signal ${signal} cannot be sent`, {
    code: 'SYSCALL_FAILED',
    details: { container: id, syscall: 'pidfd_send_signal', number: errno },
  })
}

/** As Docker decides it: any signal for a container without a stop signal of its own; else SIGKILL and that one. */
function isFinal(context: ContainerContext, record: ContainerRecord, signal: number): boolean {
  const own = stopSignalOf(context, record)
  return signal === SIGKILL || own === undefined || signalNumber(own) === signal
}

/** The signal that it, or its image, wants to be stopped with. */
export function stopSignalOf(context: ContainerContext, record: ContainerRecord): string | undefined {
  return record.config.stopSignal ?? (context.inspectImage(record).config.StopSignal || undefined)
}

/**
 * A descriptor of the container's first process, surely this one: the supervisor reaps it only after its end is recorded,
 * so a process id cannot have been reused if there is none after the descriptor was opened.
 */
export async function openProcess(
  context: ContainerContext,
  id: string,
): Promise<{ fd: number; pid: number } | undefined> {
  const { observed: before } = await present(context, id)
  if (before.status !== 'running') return undefined
  let fd: number
  try {
    fd = native().pidfdOpen(before.pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined
    throw error
  }
  const { observed: after } = await present(context, id)
  if (isSameProcess(before, after)) return { fd, pid: before.pid }
  closeSync(fd)
  return undefined
}
