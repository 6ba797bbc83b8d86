import { readFileSync } from 'node:fs'
import type { VolumeStore } from '../store/volumes.js'
import type { UnderWay } from './under-way.js'

/** Uses of volumes without a container, by this process: each has its number in it. */
const accesses = new Set<string>()
let accessed = 0
const accessName = /^access-(\d+)-(\d+)-\d+$/

export interface AccessUser {
  /** What it is called in the store, in the place of a container. */
  readonly container: string
  readonly attempt: 0
  /** Called when it is over. */
  readonly forget: () => void
}

export function newAccess(underWay: UnderWay): AccessUser {
  const container = `access-${process.pid}-${startOf(process.pid)}-${++accessed}`
  accesses.add(container)
  const end = underWay.begin()
  const forget = () => {
    accesses.delete(container)
    end()
  }
  return { container, attempt: 0, forget }
}

export const isAccess = (user: string) => accessName.test(user)

/** Whether nobody is left who would end it. */
export function isDeadAccess(user: string): boolean {
  const [, pid, start] = accessName.exec(user) ?? []
  return startOf(Number(pid)) !== start || (Number(pid) === process.pid && !accesses.has(user))
}

/** Whether somebody reads or writes a volume's files without a container. */
export function isAccessed(store: Pick<VolumeStore, 'mountsOf'>, name: string): boolean {
  return store.mountsOf(name).some(({ container }) => isAccess(container) && !isDeadAccess(container))
}

/** When a process began, in ticks since the host did: with it a pid means one process. @see proc_pid_stat(5) */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
