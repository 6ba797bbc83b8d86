import { existsSync, mkdirSync } from 'node:fs'
import { InvalidOptionError } from '../errors/index.js'
import type { MountPoint } from '../spec/mount-point.js'

/**
 * Makes the host directories that `-v` makes, and refuses a bind whose source is not there, as Docker does.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function prepareBindSources(mounts: readonly MountPoint[]): void {
  for (const mount of mounts) {
    if (mount.type !== 'bind' || existsSync(mount.source)) continue
    if (!mount.createSource) throw missingSource(mount.source)
    mkdirSync(mount.source, { recursive: true, mode: 0o755 })
  }
}

function missingSource(source: string): InvalidOptionError {
  return new InvalidOptionError(
    `invalid mount config for type "bind": bind source path does not exist: ${source}: make it, or use volume(), which does`,
    { code: 'INVALID_OPTION', details: { option: 'mount', source } },
  )
}
