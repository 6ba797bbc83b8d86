import { existsSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import type { VolumeRecord } from '../store/volumes.js'
import { isAccessed } from './access-users.js'
import { isDriverMissing, isRefusal, saying, tolerating } from './driver-failure.js'
import { unmountVolume } from './mount.js'
import { within } from './time-limit.js'
import { patienceMs } from './under-way.js'
import { undoingOf, type VolumeContext } from './volume-context.js'
import { inUse, noSuchVolume } from './volume-errors.js'

/** Removes a volume with its data. */
export function removeVolume(
  context: VolumeContext,
  name: string,
  { force, signal }: { readonly force: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { store } = context
  const remove = async () => {
    const volume = store.get(name)
    if (!volume) throw noSuchVolume(name)
    if (isAccessed(store, name) || (volume.state === 'ready' && !store.beginRemove(name)))
      throw inUse(name, store.users(name))
    try {
      await finishRemoval(context, volume, { isTolerated: force ? isDriverMissing : never })
    } catch (error) {
      // A driver that refuses has left it as it was; `local` may have begun.
      const isWhole = volume.driver !== 'local' || existsSync(context.path(name))
      if (volume.state === 'ready' && isWhole) store.restore(name)
      throw error
    }
  }
  return context.locked(name, remove, signal)
}

/** Finishes or undoes what was cut short of a volume's making or removal. @returns false when somebody still accesses it */
export function recoverVolume(context: VolumeContext, name: string, signal: AbortSignal): Promise<boolean> {
  const recover = async () => {
    const volume = context.layers.finish(name)
    if (!volume || volume.state === 'ready') return true
    if (isAccessed(context.store, name)) return false
    await finishRemoval(context, volume, { signal })
    return true
  }
  return context.locked(name, recover, signal)
}

/** Finishes the removal of a volume; drivers other than `local` are not waited for to the end. */
export async function discardVolume(context: VolumeContext, name: string): Promise<void> {
  if (!context.isForeign(name)) return void (await recoverVolume(context, name, context.undoing))
  // `reconcile` does it for all at once.
  if (context.isOpening) return
  await context.underWay.patiently([tolerating(recoverVolume(context, name, context.undoing))])
}

/** Of what neither is removed nor was refused nobody knows whether it is there: its record tells the next one. */
export async function undoMaking(context: VolumeContext, volume: VolumeRecord, error: unknown): Promise<void> {
  const isTolerated = isRefusal(error) ? always : isDriverMissing
  const undo = (signal: AbortSignal) => finishRemoval(context, volume, { isTolerated, signal })
  const limit = { ms: patienceMs, tooLate: () => error as Error, signals: [context.undoing] }
  await (volume.driver === 'local' ? undo(context.undoing) : within(limit, undo)).catch(() => {})
}

interface Removal {
  /** Failures of its driver in spite of which its record goes. */
  readonly isTolerated?: (error: unknown) => boolean
  readonly signal?: AbortSignal
}

const never = () => false
const always = () => true

/** Under the volume's lock. */
export async function finishRemoval(
  context: VolumeContext,
  volume: VolumeRecord,
  { isTolerated = never, signal = context.undoing }: Removal = {},
): Promise<void> {
  const { name } = volume
  failpoint('volume.remove')
  try {
    for (const mount of context.store.mountsOf(name))
      await unmountVolume(context, name, mount, signal).catch((error) => {
        // Whether it can be removed as it is, the driver says then.
        if (!isRefusal(error)) throw error
      })
    await saying(`remove ${name}`, async () => {
      const driver = await context.driver(volume.driver, signal)
      await driver.remove(name, { signal: undoingOf(volume, signal) })
    })
  } catch (error) {
    if (!isTolerated(error)) throw error
  }
  failpoint('volume.removed')
  await context.layers.delete(volume)
}
