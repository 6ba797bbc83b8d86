import { failpoint } from '../errors/failpoint.js'
import { copyTree } from '../layer/index.js'
import type { VolumeRecord } from '../store/volumes.js'
import { accessVolume } from './access.js'
import { newAccess } from './access-users.js'
import { exportTree, importTree } from './archive.js'
import { mountVolume, unmountVolume } from './mount.js'
import { undoMaking } from './remove.js'
import type { VolumeContext } from './volume-context.js'
import { isLocal, newRecord, type VolumeRequest } from './volume-record.js'

/** Runs `body` while those who use the volume stand still. */
export type Still = <Result>(body: () => Promise<Result>) => Promise<Result>

/**
 * Makes a volume that has a copy of another's files. Its source is opened first: who has the one's lock never waits for the
 * other's.
 *
 * @returns false when there is one of that name
 */
export function cloneByCopy(
  context: VolumeContext,
  source: VolumeRecord,
  request: VolumeRequest,
  still: Still,
  signal: AbortSignal,
): Promise<boolean> {
  const write = isLocal(request) ? copyFiles : mergeFiles
  const copy = (from: string, to: string) =>
    still(async () => {
      failpoint('clone.copy')
      await write(from, to, signal)
    })
  return accessVolume(
    context,
    source.name,
    (from) => makeWritten(context, newRecord(request, 'creating'), (to) => copy(from, to), signal),
    signal,
  )
}

/** Makes a volume that is there once `write` has written its files. */
function makeWritten(
  context: VolumeContext,
  volume: VolumeRecord,
  write: (path: string) => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  const { store } = context
  const { name } = volume
  const make = async () => {
    // On the disk before any of its files: they are not taken for a volume's after a power cut.
    if (!store.durable(() => store.insert(volume))) return false
    const { forget, ...user } = newAccess(context.underWay)
    try {
      failpoint('clone.create')
      const driver = await context.driver(volume.driver)
      await driver.create(name, volume.options, { signal })
      await write(await mountVolume(context, volume, user, signal))
      await unmountVolume(context, name, user)
      failpoint('clone.finish')
      store.finish(name)
      return true
    } catch (error) {
      await undoMaking(context, volume, error)
      throw error
    } finally {
      forget()
    }
  }
  return context.locked(name, make, signal)
}

async function copyFiles(from: string, to: string, signal: AbortSignal): Promise<void> {
  await copyTree(from, to, { signal })
}

/** A new filesystem is not empty: it has a `lost+found`. */
async function mergeFiles(from: string, to: string, signal: AbortSignal): Promise<void> {
  await importTree({ directory: to }, exportTree({ directory: from }, { signal }), { signal })
}
