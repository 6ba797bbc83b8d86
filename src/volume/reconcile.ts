import { existsSync, readdirSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import type { VolumeRecord } from '../store/volumes.js'
import { isAccess, isDeadAccess } from './access-users.js'
import { tolerating } from './driver-failure.js'
import { readOptions } from './local-record.js'
import { unmountVolume } from './mount.js'
import { recoverFill } from './plain-volume.js'
import { recoverVolume } from './remove.js'
import type { VolumeContext } from './volume-context.js'
import { isLocal, newRecord } from './volume-record.js'

/** Whether a run of a container is over. */
export type IsOver = (container: string, attempt: number) => boolean

/** Brings volumes up to what has happened while nobody looked. A driver that fails keeps no root from being opened. */
export async function reconcileVolumes(context: VolumeContext, isOver: IsOver): Promise<void> {
  context.isOpening = false
  await finishWork(context, isOver)
  // Whoever fills it lives, and may take his time.
  for (const { name } of context.store.unprepared())
    if (!context.isLocked(name)) await tolerating(recoverFill(context, name, context.closing))
  // Of a volume that was removed by somebody who was killed before he removed its lock.
  for (const name of readdirSync(context.locks)) if (!context.store.get(name)) await context.locked(name, () => {})
  for (const name of unrecorded(context)) adoptDirectory(context, name)
  await correctLayers(context)
  await context.layers.sweep()
}

/** Unmounts for runs that are over, and finishes what was being made or removed; all drivers of others at once. */
async function finishWork(context: VolumeContext, isOver: IsOver): Promise<void> {
  const { store, closing } = context
  const withDrivers: Promise<void>[] = []
  const finish = async (volume: string, work: () => Promise<unknown>) => {
    if (context.isForeign(volume)) withDrivers.push(tolerating(work()))
    else await tolerating(work())
  }
  for (const mount of store.mounts()) {
    const { volume, container, attempt } = mount
    if (!(isAccess(container) ? isDeadAccess(container) : isOver(container, attempt))) continue
    failpoint('volume.reconcile-mount')
    await finish(volume, () => context.locked(volume, () => unmountVolume(context, volume, mount, closing)))
  }
  for (const { name, state } of store.unfinished()) {
    // Whoever makes it lives, and may take his time.
    if (state === 'creating' && context.isLocked(name)) continue
    failpoint('volume.reconcile')
    await finish(name, () => recoverVolume(context, name, closing))
  }
  await context.underWay.patiently(withDrivers)
}

/**
 * Directories that the store has no record of: it was restored from a backup, or a power cut has taken its last
 * transactions. A record always comes before its directory and goes after it, so nobody is making or removing these.
 */
function unrecorded(context: VolumeContext): string[] {
  const { store, directory } = context
  const found = readdirSync(directory, { withFileTypes: true })
  const names = found.flatMap((entry) => (entry.isDirectory() && /^[a-zA-Z0-9]/.test(entry.name) ? [entry.name] : []))
  const known = new Set(store.list().map(({ name }) => name))
  return names.filter((name) => !known.has(name) && !store.get(name) && existsSync(context.path(name)))
}

const anonymousName = /^[0-9a-f]{64}$/

/** One that has options that cannot be read stays as it is: nobody knows whose files it is to have. */
function adoptDirectory(context: VolumeContext, name: string): void {
  const options = readOptions(context.home(name))
  if (options === undefined) return
  const request = { name, isAnonymous: anonymousName.test(name), driver: 'local', labels: {}, options }
  context.store.insert(newRecord(request, 'ready', context.layers.recorded(name)))
}

/** A volume whose directory is over other layers than the store says: that was restored from a backup. */
async function correctLayers(context: VolumeContext): Promise<void> {
  const { store, layers } = context
  for (const { name } of store.list().filter((volume) => isMisrecorded(context, volume)))
    await context.locked(name, () => {
      const volume = store.get(name)
      if (volume && isMisrecorded(context, volume)) store.setLayers(name, layers.recorded(name))
    })
}

function isMisrecorded({ layers }: VolumeContext, volume: VolumeRecord): boolean {
  if (!isLocal(volume) || volume.state !== 'ready' || volume.rebasing !== undefined) return false
  const recorded = layers.recorded(volume.name)
  return recorded.length > 0 && recorded.join() !== volume.layers.join()
}
