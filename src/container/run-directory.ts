import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { failpoint } from '../errors/failpoint.js'
import { CleanupError } from '../errors/index.js'
import { native, openThere } from '../host/index.js'
import type { ContainerContext } from './context.js'

// A run directory appears with its lock held (it is made aside and renamed), and is renamed away by whoever holds the
// lock: so one that can be locked has no living supervisor, and one that was locked by us is nobody else's to remove.

const teardownMs = 15_000

export const runDirectory = (runRoot: string, id: string): string => `${runRoot}/${id}`

/** Makes the run directory of a start: its lock, or undefined when there is one already. */
export function lockRunDirectory(runRoot: string, id: string): number | undefined {
  failpoint('run-directory.make')
  try {
    return native().makeLockedDirectory(runDirectory(runRoot, id))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

const copiedMark = (runRoot: string, id: string) => `${runDirectory(runRoot, id)}/copied`

/** Says of a run directory that no run is about to begin, or over: files are copied, for as long as that takes. */
export function markCopied(runRoot: string, id: string): void {
  writeFileSync(copiedMark(runRoot, id), '', { mode: 0o600 })
}

/** Whether files of a container that does not run are being copied: it is waited for without end, as under Docker. */
export function isCopied(runRoot: string, id: string): boolean {
  return existsSync(copiedMark(runRoot, id))
}

/** Whether somebody copies its files at this moment. */
export function isBeingCopied(runRoot: string, id: string): boolean {
  return isCopied(runRoot, id) && isHeld(runRoot, id)
}

const isHeld = (runRoot: string, id: string) => native().isLocked(`${runDirectory(runRoot, id)}/lock`) === true

const removedMark = (runRoot: string, id: string) => `${runDirectory(runRoot, id)}/removed`

/** Says of a run directory that its container is being removed, as long as its lock is held. */
export function markRemoved(runRoot: string, id: string): void {
  writeFileSync(removedMark(runRoot, id), '', { mode: 0o600 })
}

/** Whether somebody removes the container at this moment. */
export function isBeingRemoved(runRoot: string, id: string): boolean {
  return existsSync(removedMark(runRoot, id)) && isHeld(runRoot, id)
}

type Cleaner = Pick<
  ContainerContext,
  'runRoot' | 'containers' | 'hasLeft' | 'teardown' | 'releaseNetwork' | 'releaseVolumes'
>

/**
 * Undoes what is left of a run that has ended, and removes its run directory, all with its lock held: nobody can start the
 * container anew meanwhile. `files`: those of the container go as well, and it never runs again.
 *
 * @returns false when it is not done: a supervisor holds the lock, or another process that does the same, or only looks; or the
 *   end of the run that is there is not recorded. Whoever recorded the end has it looked at again then.
 */
export async function clearRun(context: Cleaner, id: string, files: boolean): Promise<boolean> {
  if (!existsSync(runDirectory(context.runRoot, id)) && !context.hasLeft(id, files)) {
    // The supervisor of an rm container has left nothing else.
    if (files) await context.releaseVolumes(id)
    return true
  }
  const lock = await claim(context.runRoot, id, files)
  if (lock === undefined) return false
  try {
    // It was started again since its end was recorded, and what its run directory says is the only record of that run.
    if (context.containers.get(id)?.phase === 'started') return false
    await clearHeld(context, id, files)
    return true
  } finally {
    closeSync(lock)
  }
}

/**
 * The same, once the supervisor that still tears it down has gone.
 *
 * @param check throws when it is no use to wait
 * @throws {CleanupError} when that takes too long
 */
export async function awaitCleared(context: Cleaner, id: string, check = () => {}): Promise<void> {
  for (const deadline = performance.now() + teardownMs; !(await clearRun(context, id, false)); await delay(2)) {
    check()
    if (performance.now() > deadline && !isCopied(context.runRoot, id))
      throw new CleanupError(`the supervisor of container ${id} does not finish its teardown; try again`, {
        code: 'CLEANUP_FAILED',
        details: { container: id },
      })
  }
}

/** The same for a run whose lock the caller holds. */
export async function clearHeld(context: Cleaner, id: string, files: boolean): Promise<void> {
  failpoint('run.teardown')
  await context.teardown(id, files)
  failpoint('run.release')
  context.releaseNetwork(id)
  failpoint('run.release-volumes')
  await context.releaseVolumes(id)
  await discardRunDirectory(context, id)
}

/** Removes a run directory whose lock the caller holds. */
export async function discardRunDirectory({ runRoot }: Pick<Cleaner, 'runRoot'>, id: string): Promise<void> {
  failpoint('run-directory.remove')
  const aside = `${runRoot}/.gone-${id.slice(0, 12)}-${randomBytes(4).toString('hex')}`
  if (!renamed(runDirectory(runRoot, id), aside)) return
  failpoint('run-directory.removed')
  await native().removeTree(aside)
}

/** False when it is gone: that of an rm container, which its supervisor has torn down. */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function claim(runRoot: string, id: string, files: boolean): Promise<number | undefined> {
  const path = `${runDirectory(runRoot, id)}/lock`
  const lock = openThere(path)
  if (lock === undefined) {
    // A supervisor was killed while it removed the directory: that of a container that never runs again.
    if (files) await native().removeTree(runDirectory(runRoot, id))
    return lockRunDirectory(runRoot, id)
  }
  if (native().flock(lock, 'exclusive', false) && isStill(lock, path)) return lock
  closeSync(lock)
  return undefined
}

function isStill(fd: number, path: string): boolean {
  const held = native().statAt(fd, '')
  const named = native().statAt(-100, path)
  return held?.ino === named?.ino && held?.dev === named?.dev
}
