import { existsSync } from 'node:fs'
import type { ImageDirectory } from '../snapshot/index.js'
import type { VolumeRecord } from '../store/volumes.js'
import { accessVolume } from './access.js'
import { type FillSource, fill, isHalfFilled, isToBeFilled } from './fill.js'
import type { VolumeContext } from './volume-context.js'
import { isLocal, isPlain } from './volume-record.js'

/** Whether a volume is as it is to be: it is made, no part of a fill is left in it, and a fill would do nothing. */
export function isVolumeReady(
  context: VolumeContext,
  volume: VolumeRecord,
  source: ImageDirectory | undefined,
): boolean {
  if (source) return !isVolumeToBeFilled(context, volume, source)
  const { name } = volume
  return !isPlain(volume) || (existsSync(context.path(name)) && !isHalfFilled(context.path(name), context.home(name)))
}

/**
 * Whether a fill would do something, as far as one can tell without mounting the volume.
 *
 * @param source what it would be filled with; undefined: anything
 */
export function isVolumeToBeFilled(
  context: VolumeContext,
  volume: VolumeRecord,
  source: ImageDirectory | undefined,
): boolean {
  if (isPlain(volume)) return isToBeFilled(context.path(volume.name), context.home(volume.name), source)
  return !isLocal(volume) || context.layers.isEmpty(volume)
}

/** Fills a volume, when it is empty, with what an image has. */
export async function fillVolume(
  context: VolumeContext,
  name: string,
  source: FillSource,
  signal: AbortSignal,
): Promise<void> {
  const fillPlain = async () => {
    const volume = context.layers.finish(name)
    if (!volume || !isPlain(volume)) return false
    await fill({ source, target: context.path(name), staging: context.home(name), signal })
    return true
  }
  const fillMounted = (target: string) =>
    context.locked(name, () => fill({ source, target, staging: target, signal }), signal)
  if (!(await context.locked(name, fillPlain, signal))) await accessVolume(context, name, fillMounted, signal)
}
