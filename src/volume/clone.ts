import { ConflictError } from '../errors/index.js'
import type { VolumeRecord } from '../store/volumes.js'
import { cloneByCopy, type Still } from './clone-by-copy.js'
import { cloneByLayers } from './clone-by-layers.js'
import { recoverVolume } from './remove.js'
import type { VolumeContext } from './volume-context.js'
import { isLocal } from './volume-record.js'

export interface CloneRequest {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Makes a volume of its own that has all that another has: by layers that both share, where nobody uses the other now; by a
 * copy, of which the filesystem may share the blocks, otherwise. A clone of what `local` keeps anywhere is in this root; one
 * of another driver's volume is made by that, with the same options.
 */
export async function cloneVolume(
  context: VolumeContext,
  source: VolumeRecord,
  { name, labels }: CloneRequest,
  still: Still,
  signal: AbortSignal,
): Promise<void> {
  const { driver, options } = source.driver === 'local' ? { driver: 'local', options: {} } : source
  const request = { name, labels, driver, options, isAnonymous: false }
  for (;;) {
    signal.throwIfAborted()
    await makeRoom(context, name, signal)
    // With reflinks a copy shares the blocks of its files, and can be made at any time.
    const canShare = isLocal(source) && !context.layers.hasReflinks()
    const isShared = canShare ? await cloneByLayers(context, source.name, request, signal) : undefined
    // Where it is false, somebody has made a volume of that name meanwhile: he may be gone.
    if (isShared ?? (await cloneByCopy(context, source, request, still, signal))) return
  }
}

/** What is left of another volume of that name is removed. @throws when there is one, or somebody still reads it */
async function makeRoom(context: VolumeContext, name: string, signal: AbortSignal): Promise<void> {
  const { store } = context
  const isThere = () => store.get(name) !== undefined
  if (!isThere()) return
  if (store.get(name)?.state !== 'ready') await recoverVolume(context, name, signal)
  if (isThere())
    throw new ConflictError(`a volume ${name} exists already: choose another name, or remove it`, {
      code: 'VOLUME_EXISTS',
      details: { volume: name },
    })
}
