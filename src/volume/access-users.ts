import { processStart } from '../host/index.js'
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
  const container = `access-${process.pid}-${processStart(process.pid)}-${++accessed}`
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
  return processStart(Number(pid)) !== start || (Number(pid) === process.pid && !accesses.has(user))
}

/** Whether somebody reads or writes a volume's files without a container. */
export function isAccessed(store: Pick<VolumeStore, 'mountsOf'>, name: string): boolean {
  return store.mountsOf(name).some(({ container }) => isAccess(container) && !isDeadAccess(container))
}
