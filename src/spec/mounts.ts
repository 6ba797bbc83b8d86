import { invalidOption } from './invalid.js'
import { parseMountInput } from './mount-input.js'
import type { ConfiguredMount, RunOptions } from './options.js'
import { parseTmpfs } from './tmpfs.js'
import { parseVolume } from './volume.js'

/**
 * All mounts that the user asked for: `volume`, then `mount`, then `tmpfs`. Of equal anonymous volumes, and of `tmpfs` for one
 * place, there is one. As in Docker an anonymous volume gives way to anything at its place, and `tmpfs` hides what `mount`
 * put there; anything else twice at one place is refused.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseMounts(raw: Pick<RunOptions, 'volume' | 'mount' | 'tmpfs'>): ConfiguredMount[] {
  const volumes = (raw.volume ?? []).map(parseVolume)
  const tmpfs = new Map((raw.tmpfs ?? []).map(parseTmpfs).map((mount) => [mount.target, mount]))
  const taken = new Set<string>()
  const anonymous = new Map<string, ConfiguredMount>()
  const placed = [...volumes, ...(raw.mount ?? []).map(parseMountInput)].filter((mount) => {
    const { syntax, target } = mount
    if (yields(mount)) return void anonymous.set(target, mount)
    if (taken.has(target) || (syntax === 'volume' && tmpfs.has(target))) throw duplicate(target)
    return taken.add(target)
  })
  return [...placed, ...anonymous.values(), ...tmpfs.values()]
}

/** Whether it is an anonymous volume that gives way to anything else at its place: one of `-v`. */
export function yields(mount: ConfiguredMount): boolean {
  return mount.type === 'volume' && mount.syntax === 'volume' && mount.name === ''
}

function duplicate(target: string) {
  return invalidOption('mount', `Duplicate mount point: ${target}`, 'mount one thing there', target)
}
