import type { CopyResult } from './layer-jobs.js'
import { runJob } from './worker-pool.js'

/**
 * Copies the content of one directory into another, existing one, on a worker thread: hard links, holes left out,
 * ownership, modes, extended attributes, devices and times of everything, the directory itself included.
 *
 * @throws SyscallError; the target then holds a part and is to be discarded
 */
export function copyTree(
  from: string,
  to: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<CopyResult> {
  return runJob('copy', { from, to }, options)
}
