import { closeSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../host/index.js'
import type { Freezer } from '../launch/cgroups.js'
import { invalidState } from './container-errors.js'
import type { ContainerContext } from './context.js'
import { settle } from './settle.js'
import { signalNumber } from './signals.js'

/** Sends a signal to the first process. @throws {InvalidStateError} when it does not run */
export async function kill(context: ContainerContext, id: string, signal: string | number): Promise<void> {
  const number = signalNumber(signal)
  const pidfd = await openProcess(context, id)
  if (pidfd === undefined)
    throw invalidState(`Cannot kill container: ${id}: Container ${id} is not running`, {
      container: id,
      from: 'exited',
      to: 'exited',
    })
  try {
    native().pidfdSignal(pidfd.fd, number)
    if (number === SIGKILL) thawKilled(context.freezer(id))
  } catch (error) {
    // It ended between the two calls: the signal has nobody left to reach.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  } finally {
    closeSync(pidfd.fd)
  }
}

const SIGKILL = 9

/** The freezer of cgroup v1 keeps even SIGKILL waiting. */
function thawKilled(freezer: Freezer | undefined): void {
  if (freezer?.version !== 1) return
  try {
    writeFileSync(freezer.path, freezer.thawed, { flag: 'r+' })
  } catch (error) {
    if (!['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/**
 * A descriptor of the container's first process, surely this one: the supervisor reaps it only after its exit record is
 * in place, so a process id cannot have been reused if there is none after the descriptor was opened.
 */
export async function openProcess(
  context: ContainerContext,
  id: string,
): Promise<{ fd: number; pid: number } | undefined> {
  const before = await current(context, id)
  if (before?.status !== 'running') return undefined
  let fd: number
  try {
    fd = native().pidfdOpen(before.pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined
    throw error
  }
  const after = await current(context, id)
  if (after?.status === 'running' && after.pid === before.pid) return { fd, pid: before.pid }
  closeSync(fd)
  return undefined
}

/** What is true of it now; once it is known whether one that is being started runs. */
async function current(context: ContainerContext, id: string) {
  for (;;) {
    const record = context.containers.get(id)
    const now = record && (await settle(context, record))
    if (now?.status !== 'starting') return now
    await delay(2)
  }
}
