import { readFileSync } from 'node:fs'

/** The private memory, in KiB, of the parent of a container's first process: its supervisor, or Docker's shim. */
export function parentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const parent = /^PPid:\s+(\d+)/m.exec(status)?.[1]
  const rollup = readFileSync(`/proc/${parent}/smaps_rollup`, 'utf8')
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0)
}
