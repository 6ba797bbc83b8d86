import { failpoint } from '../errors/failpoint.js'
import { ConflictError } from '../errors/index.js'
import { copyTree } from '../layer/index.js'
import type { VolumeRecord } from '../store/volumes.js'
import { exportTree, importTree } from './archive.js'
import { isLocal, type VolumeKeeper, type VolumeRequest } from './keeper.js'

export interface CloneRequest {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** Runs `body` while those who use the volume stand still. */
export type Still = <Result>(body: () => Promise<Result>) => Promise<Result>

/**
 * Makes a volume of its own that has all that another has: by layers that both share, where nobody uses the other now; by a
 * copy, of which the filesystem may share the blocks, otherwise. A clone of what `local` keeps anywhere is in this root; one
 * of another driver's volume is made by that, with the same options.
 *
 * @throws {ConflictError} VOLUME_EXISTS; {NotFoundError} VOLUME_NOT_FOUND; {VolumeError}; {SyscallError}
 */
export async function cloneVolume(
  keeper: VolumeKeeper,
  source: VolumeRecord,
  { name, labels }: CloneRequest,
  still: Still,
  signal: AbortSignal,
): Promise<void> {
  const { driver, options } = source.driver === 'local' ? { driver: 'local', options: {} } : source
  const request = { name, labels, driver, options, isAnonymous: false }
  for (;;) {
    signal.throwIfAborted()
    await makeRoom(keeper, name, signal)
    const canShare = isLocal(source) && !keeper.hasReflinks()
    const isShared = canShare ? await keeper.share(source, request, signal) : undefined
    // Where it is false, somebody has made a volume of that name meanwhile: he may be gone.
    if (isShared ?? (await copy(keeper, source, request, still, signal))) return
  }
}

/** What is left of another volume of that name is removed. @throws when there is one, or somebody still reads it */
async function makeRoom(keeper: VolumeKeeper, name: string, signal: AbortSignal): Promise<void> {
  const isThere = () => keeper.store.get(name) !== undefined
  if (!isThere()) return
  if (keeper.store.get(name)?.state !== 'ready') await keeper.recover(name, signal)
  if (isThere())
    throw new ConflictError(`a volume ${name} exists already: choose another name, or remove it`, {
      code: 'VOLUME_EXISTS',
      details: { volume: name },
    })
}

/** Its source is opened first: who has the one's lock never waits for the other's. */
async function copy(
  keeper: VolumeKeeper,
  source: VolumeRecord,
  request: VolumeRequest,
  still: Still,
  signal: AbortSignal,
): Promise<boolean> {
  const write = isLocal(request) ? copyFiles : mergeFiles
  const { path, end } = await keeper.open(source, signal)
  try {
    return await keeper.make(
      request,
      (target) =>
        still(async () => {
          failpoint('clone.copy')
          await write(path, target, signal)
        }),
      signal,
    )
  } finally {
    await end()
  }
}

async function copyFiles(from: string, to: string, signal: AbortSignal): Promise<void> {
  await copyTree(from, to, { signal })
}

/** A new filesystem is not empty: it has a `lost+found`. */
async function mergeFiles(from: string, to: string, signal: AbortSignal): Promise<void> {
  await importTree({ directory: to }, exportTree({ directory: from }, { signal }), { signal })
}
