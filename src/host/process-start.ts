import { readFileSync } from 'node:fs'

/** When a process began, in ticks since the host did: with it a pid means one process. Undefined: there is none. @see proc_pid_stat(5) */
export function processStart(pid: number): string | undefined {
  if (pid !== process.pid) return readStart(pid)
  own ??= readStart(pid)
  return own
}

/** This process's, which stays what it is. */
let own: string | undefined

function readStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
