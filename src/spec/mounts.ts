import { invalidOption } from './invalid.js'
import { parseMountInput } from './mount-input.js'
import type { ConfiguredMount, RunOptions } from './options.js'
import { parseTmpfs } from './tmpfs.js'
import { parseVolume } from './volume.js'

/**
 * All mounts that the user asked for: `volume`, then `mount`, then `tmpfs`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseMounts(raw: Pick<RunOptions, 'volume' | 'mount' | 'tmpfs'>): ConfiguredMount[] {
  const mounts = [
    ...(raw.volume ?? []).map(parseVolume),
    ...(raw.mount ?? []).map(parseMountInput),
    ...(raw.tmpfs ?? []).map(parseTmpfs),
  ]
  const targets = new Set<string>()
  for (const { target } of mounts) {
    if (targets.has(target))
      throw invalidOption('mount', `Duplicate mount point: ${target}`, 'mount one thing there', target)
    targets.add(target)
  }
  return mounts
}
