import { readFileSync } from 'node:fs'

/** The process id of the supervisor that wrote a state file; NaN: there is none. */
export function supervisorOf(state: string): number {
  try {
    return Number(/^supervisorPid (\d+)$/m.exec(readFileSync(state, 'utf8'))?.[1])
  } catch {
    return Number.NaN
  }
}

/** It may have ended by itself. */
export function killIfThere(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
