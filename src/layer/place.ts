import { native } from '../host/index.js'
import { exportError, importError } from './layer-errors.js'
import { placeJob } from './place-job.js'
import type { Owner, PlaceRequest } from './place-jobs.js'
import { PlaceTarget } from './place-target.js'
import { runJob } from './worker-pool.js'

/**
 * Puts files into a tree as COPY and ADD do, on a worker thread. Nothing outside of the tree is touched, whatever symlinks it or
 * an archive has. After a failure the tree holds a part.
 *
 * @throws {LayerError} LAYER_INVALID in Docker's words for what cannot be; {SyscallError}
 */
export async function placeFiles(request: PlaceRequest, signal?: AbortSignal): Promise<void> {
  await runJob('place', request, { signal })
}

/** The same on the calling thread, which it blocks: of few and small files, for which a worker would take longer to start. */
export async function placeFilesHere(request: PlaceRequest): Promise<void> {
  try {
    await placeJob(request, () => {})
  } catch (error) {
    throw importError(exportError(error))
  }
}

/** Makes a directory and those that are missing on its way, 0755, on the calling thread. @throws as {@link placeFiles} */
export function makeDirectories(root: number, path: string, owner: Owner): void {
  const target = new PlaceTarget(native(), { root, owner, directoryMode: 0o755, isLink: false })
  try {
    target.ensure(target.resolve(path))
  } catch (error) {
    throw importError(exportError(error))
  } finally {
    target.close()
  }
}
