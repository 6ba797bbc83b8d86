import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, renameSync } from 'node:fs'
import { native } from '../host/index.js'

// A run directory appears with its lock held (it is made aside and renamed), and is renamed away by whoever holds the
// lock: so one that can be locked has no living supervisor, and one that was locked by us is nobody else's to remove.

export const runDirectory = (runRoot: string, id: string): string => `${runRoot}/${id}`

/** Makes the run directory of a start: its lock, or undefined when there is one already. */
export function lockRunDirectory(runRoot: string, id: string): number | undefined {
  try {
    return native().makeLockedDirectory(runDirectory(runRoot, id))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

/** Removes the run directory of an ended container; false when a supervisor still holds it. */
export async function removeRunDirectory(runRoot: string, id: string): Promise<boolean> {
  const directory = runDirectory(runRoot, id)
  const lock = openLock(`${directory}/lock`)
  if (lock === undefined) return true
  try {
    if (!native().flock(lock, 'exclusive', false) || !isStill(lock, `${directory}/lock`)) return false
    await removeHeld(runRoot, id)
    return true
  } finally {
    closeSync(lock)
  }
}

/** Removes a run directory whose lock the caller holds. */
export async function removeHeld(runRoot: string, id: string): Promise<void> {
  const aside = `${runRoot}/.gone-${id.slice(0, 12)}-${randomBytes(4).toString('hex')}`
  renameSync(runDirectory(runRoot, id), aside)
  await native().removeTree(aside)
}

function openLock(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function isStill(fd: number, path: string): boolean {
  const held = native().statAt(fd, '')
  const named = native().statAt(-100, path)
  return held?.ino === named?.ino && held?.dev === named?.dev
}
