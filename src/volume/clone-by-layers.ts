import { failpoint } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import { isAccessed } from './access-users.js'
import { unmountVolume } from './mount.js'
import { makeWhole } from './plain-volume.js'
import { removeVolume } from './remove.js'
import { neverAborted } from './time-limit.js'
import type { VolumeContext } from './volume-context.js'
import { noSuchVolume } from './volume-errors.js'
import { isLocal, isPlain, newRecord, type VolumeRequest } from './volume-record.js'

/**
 * Makes a clone of a volume that shares its files as layers.
 *
 * @returns undefined when that cannot be: it is in use, or its files or the kernel are not fit; false when there is a
 *   volume of that name
 */
export async function cloneByLayers(
  context: VolumeContext,
  name: string,
  request: VolumeRequest,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const { layers } = context
  if (!layers.isPossible()) return undefined
  const share = async () => {
    const volume = layers.finish(name)
    if (volume?.state !== 'ready') throw noSuchVolume(name)
    if (!isLocal(volume) || !(await isIdle(context, name))) return undefined
    if (isPlain(volume)) await makeWhole(context, volume)
    else layers.prepare(volume)
    return layers.share(volume, newRecord(request, 'ready'), signal)
  }
  const isShared = await context.locked(name, share, signal)
  if (isShared) await prepareClone(context, request.name)
  return isShared
}

/** Under its lock: whether nobody uses it. What was left mounted for those who are no more is unmounted. */
async function isIdle(context: VolumeContext, name: string): Promise<boolean> {
  const { store } = context
  if (isAccessed(store, name) || store.users(name).some(({ phase }) => phase === 'started')) return false
  for (const mount of store.mountsOf(name)) await unmountVolume(context, name, mount)
  return native().mountedAt(context.path(name)) === undefined
}

/** A clone whose directories cannot be made is none. */
async function prepareClone(context: VolumeContext, name: string): Promise<void> {
  const prepare = () => {
    const volume = context.store.get(name)
    if (volume?.state === 'ready' && volume.layers.length > 0) context.layers.prepare(volume)
  }
  try {
    failpoint('clone.directories')
    await context.locked(name, prepare, neverAborted)
  } catch (error) {
    await removeVolume(context, name, { force: false, signal: neverAborted }).catch(() => {})
    throw error
  }
}
