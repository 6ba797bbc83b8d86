import { isAccessed, newAccess } from './access-users.js'
import { mountVolume, unmountVolume, type VolumeUser } from './mount.js'
import { makeWhole } from './plain-volume.js'
import { finishRemoval } from './remove.js'
import type { VolumeContext } from './volume-context.js'
import { noSuchVolume } from './volume-errors.js'
import { isPlain } from './volume-record.js'

/** A volume's files, which stay mounted until `end` is called: once, whatever happens. */
export interface OpenVolume {
  readonly path: string
  readonly end: () => Promise<void>
}

/** Mounts a volume without a container. */
export async function openVolume(context: VolumeContext, name: string, signal: AbortSignal): Promise<OpenVolume> {
  const { forget, ...user } = newAccess(context.underWay)
  const end = () => context.locked(name, () => endAccess(context, name, user), context.undoing).finally(forget)
  try {
    const path = await context.locked(name, () => beginAccess(context, name, user, signal), signal)
    return { path, end }
  } catch (error) {
    await context.underWay.patiently([end().catch(() => {})])
    throw error
  }
}

export async function accessVolume<Result>(
  context: VolumeContext,
  name: string,
  body: (path: string) => Result | Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const { path, end } = await openVolume(context, name, signal)
  try {
    return await body(path)
  } finally {
    await end()
  }
}

async function beginAccess(
  context: VolumeContext,
  name: string,
  user: VolumeUser,
  signal: AbortSignal,
): Promise<string> {
  const volume = context.layers.finish(name)
  if (volume?.state !== 'ready') throw noSuchVolume(name)
  if (!isPlain(volume)) return mountVolume(context, volume, user, signal)
  await makeWhole(context, volume)
  context.store.beginMount(name, user.container, user.attempt)
  return context.path(name)
}

async function endAccess(context: VolumeContext, name: string, user: VolumeUser): Promise<void> {
  await unmountVolume(context, name, user)
  // The container that it went with was removed meanwhile.
  const volume = context.store.get(name)
  if (volume?.state === 'removing' && !isAccessed(context.store, name)) await finishRemoval(context, volume)
}
