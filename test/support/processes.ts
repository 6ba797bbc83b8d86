import { readFileSync } from 'node:fs'

/** Whether a process has ended: whoever should reap it may come to that much later. */
export function hasEnded(pid: number): boolean {
  try {
    // Its name may be anything but has an end.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return /[ZX]/.test(stat.charAt(stat.lastIndexOf(')') + 2))
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return true
    throw error
  }
}

/** The process that has the run directory of a running container. */
export function supervisorIn(runDirectory: string): number {
  const state = readFileSync(`${runDirectory}/state`, 'utf8')
  return Number(/^supervisorPid (\d+)$/m.exec(state)?.[1])
}
