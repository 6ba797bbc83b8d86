import { existsSync } from 'node:fs'
import type { VolumeRecord } from '../store/volumes.js'
import { makeVolumeDirectory } from './directories.js'
import { finishFill, isHalfFilled } from './fill.js'
import type { VolumeContext } from './volume-context.js'
import { isPlain } from './volume-record.js'

/** Makes what a plain volume needs on the disk; harmless when it is there. */
export function prepareVolume(context: VolumeContext, volume: VolumeRecord): void {
  if (isPlain(volume)) makeVolumeDirectory(context.home(volume.name))
}

/** Under the lock of a plain volume: its directory is there, and no part of a fill is left in it. */
export async function makeWhole(context: VolumeContext, volume: VolumeRecord): Promise<void> {
  prepareVolume(context, volume)
  await finishFill(context.path(volume.name), context.home(volume.name))
}

/** Finishes, or undoes, what somebody was filling a plain volume with when he was killed. */
export function recoverFill(context: VolumeContext, name: string, signal: AbortSignal): Promise<void> {
  const finish = async () => {
    const volume = context.store.get(name)
    const path = context.path(name)
    if (volume && isPlain(volume) && existsSync(path)) await finishFill(path, context.home(name))
  }
  return context.locked(name, finish, signal)
}

/** The same for what has begun to show. */
export async function finishVolumeFill(context: VolumeContext, name: string, signal: AbortSignal): Promise<void> {
  if (isVolumeHalfFilled(context, name)) await recoverFill(context, name, signal)
}

function isVolumeHalfFilled(context: VolumeContext, name: string): boolean {
  return isHalfFilled(context.path(name), context.home(name))
}
