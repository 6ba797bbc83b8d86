import { ftruncateSync } from 'node:fs'
import type { Native, Stat } from '../host/index.js'

/** Between two looks whether to go on. */
const chunkBytes = 64 * 1024 * 1024

/**
 * Copies the content of an open file into an empty one, by the kernel, which shares it where the filesystem can; holes stay holes.
 *
 * @returns the bytes that were copied
 */
export function copyContent(
  native: Native,
  source: number,
  target: number,
  { size, blocks }: Pick<Stat, 'size' | 'blocks'>,
  checkpoint: () => void,
): number {
  let bytes = 0
  /** @returns where it ended: before `end` in a file that has become shorter */
  const copyRun = (start: number, end: number): number => {
    let at = start
    for (let copied = -1; copied !== 0 && at < end; at += copied) {
      if (at > start) checkpoint()
      copied = native.copyRange(source, target, Math.min(end - at, chunkBytes), at)
    }
    bytes += at - start
    return at
  }
  const copyRuns = (): number => {
    for (let end = 0; ; ) {
      const run = native.dataAfter(source, end)
      if (run === undefined || run[0] >= size) return end
      end = copyRun(run[0], Math.min(run[1], size))
    }
  }
  const isSparse = blocks * 512 < size
  const end = isSparse ? copyRuns() : copyRun(0, size)
  if (end < size) ftruncateSync(target, size)
  return bytes
}
