import { closeSync } from 'node:fs'
import { AT_FDCWD, native, O_DIRECTORY, O_PATH } from '../../host/index.js'
import type { Copied } from '../files/copied.js'
import { place } from '../files/place.js'

/**
 * Copies what a mount shows, and verifies that it was what its key says.
 *
 * @param directory of the engine's own
 * @param destination in it: a directory's content, or a file, is there then
 */
export async function copyTo(
  copied: Copied,
  directory: string,
  destination: string,
  signal: AbortSignal,
): Promise<void> {
  const root = native().openat2(AT_FDCWD, directory, O_PATH | O_DIRECTORY, 0, 0)
  try {
    const placement = { destination, chown: undefined, mode: undefined, isLink: false, key: undefined }
    await place({ files: (body) => body(root) }, placement, [copied], signal)
  } finally {
    closeSync(root)
  }
}
