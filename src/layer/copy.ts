import { native } from '../host/index.js'
import { copyDirectoryAttributes } from './copy-attributes.js'
import { copyJob } from './copy-job.js'
import { exportError, importError } from './layer-errors.js'
import type { CopyResult } from './layer-jobs.js'
import { LayeredDirectory, type TreeSource } from './layered-directory.js'
import { runJob } from './worker-pool.js'

/**
 * Copies the content of a directory, of one tree or as several layers have it, into another, existing one, on a worker
 * thread: hard links, holes left out, ownership, modes, extended attributes, devices and times of everything, the directory
 * itself included. What only some filesystems can keep (extended attributes) is left out where it cannot be.
 *
 * @param from the path of a tree, or a directory of layers
 * @throws SyscallError; the target then holds a part and is to be discarded
 */
export function copyTree(
  from: string | TreeSource,
  to: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<CopyResult> {
  return runJob('copy', { from: asSource(from), to }, options)
}

/** The same on the calling thread, which it blocks: for what is small. */
export function copyTreeHere(from: string | TreeSource, to: string): CopyResult {
  return asFromThread(() => copyJob({ from: asSource(from), to }, () => {}))
}

/** Gives an open directory the owner, mode, extended attributes and times of another. */
export function copyOwnAttributes(from: TreeSource, to: number): void {
  asFromThread(() => {
    const directory = LayeredDirectory.at(native(), from)
    try {
      copyDirectoryAttributes(native(), directory.top, to, from.format)
    } finally {
      directory.close()
    }
  })
}

function asFromThread<Result>(body: () => Result): Result {
  try {
    return body()
  } catch (error) {
    throw importError(exportError(error))
  }
}

function asSource(from: string | TreeSource): TreeSource {
  return typeof from === 'string' ? { layers: [from], format: 'merged' } : from
}
