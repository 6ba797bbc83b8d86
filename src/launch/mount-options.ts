import { MS } from '../host/index.js'
import { treeFlags } from './protocol.gen.js'

/** mount_setattr(2)'s MOUNT_ATTR_* bits. @see mount_setattr(2) */
const ATTR = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  ATIME: 0x70,
  RELATIME: 0,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  NOSYMFOLLOW: 0x200000,
} as const

/** `unset` of an earlier option: what a bind has of its source's mount, such as its being read-only, no option takes away. */
interface FlagOption {
  readonly set?: number
  readonly clear?: number
  readonly attrSet?: number
  readonly attrUnset?: number
  readonly attrClear?: number
}

const flagOptions: Record<string, FlagOption> = {
  ro: { set: MS.RDONLY, attrSet: ATTR.RDONLY },
  rro: { set: MS.RDONLY, attrSet: ATTR.RDONLY },
  rw: { clear: MS.RDONLY, attrUnset: ATTR.RDONLY },
  nosuid: { set: MS.NOSUID, attrSet: ATTR.NOSUID },
  suid: { clear: MS.NOSUID, attrUnset: ATTR.NOSUID },
  nodev: { set: MS.NODEV, attrSet: ATTR.NODEV },
  dev: { clear: MS.NODEV, attrUnset: ATTR.NODEV },
  noexec: { set: MS.NOEXEC, attrSet: ATTR.NOEXEC },
  exec: { clear: MS.NOEXEC, attrUnset: ATTR.NOEXEC },
  sync: { set: MS.SYNCHRONOUS },
  async: { clear: MS.SYNCHRONOUS },
  dirsync: { set: MS.DIRSYNC },
  noatime: { set: MS.NOATIME, attrSet: ATTR.NOATIME, attrClear: ATTR.ATIME },
  nodiratime: { set: MS.NODIRATIME, attrSet: ATTR.NODIRATIME },
  relatime: { set: MS.RELATIME, attrClear: ATTR.ATIME },
  strictatime: { set: MS.STRICTATIME, attrSet: ATTR.STRICTATIME, attrClear: ATTR.ATIME },
  nosymfollow: { set: MS.NOSYMFOLLOW, attrSet: ATTR.NOSYMFOLLOW },
  bind: {},
  rbind: {},
  defaults: {},
}

const propagations: Record<string, number> = {
  private: MS.PRIVATE,
  rprivate: MS.PRIVATE,
  shared: MS.SHARED,
  rshared: MS.SHARED,
  slave: MS.SLAVE,
  rslave: MS.SLAVE,
}

/** A mount's options, sorted into what each system call takes. */
export interface MountFlags {
  readonly flags: number
  readonly attrSet: number
  readonly attrClear: number
  /** MS_PRIVATE, MS_SHARED or MS_SLAVE; 0: not given. */
  readonly propagation: number
  /** Whether the mounts below are bound as well (`rbind`). */
  readonly recursive: boolean
  /** What of the attributes and the propagation reaches those: bits of `treeFlags`. */
  readonly reach: number
  /** The filesystem's own options. */
  readonly data: string
}

/** Sorts mount(8) options; what it does not know belongs to the filesystem. */
export function parseMountOptions(options: readonly string[]): MountFlags {
  let flags = 0
  let attrSet = 0
  let attrClear = 0
  let propagation = ''
  const data: string[] = []
  for (const option of options) {
    const known = flagOptions[option]
    if (known) {
      const { set = 0, clear = 0, attrUnset = 0 } = known
      flags = (flags | set) & ~clear
      attrClear |= known.attrClear ?? 0
      attrSet = (attrSet & ~(known.attrClear ?? 0) & ~attrUnset) | (known.attrSet ?? 0)
    } else if (propagations[option] !== undefined) propagation = option
    else data.push(option)
  }
  const recursive = options.includes('rbind')
  return {
    flags,
    attrSet,
    attrClear,
    propagation: propagations[propagation] ?? 0,
    recursive,
    reach: recursive ? reachOf(options, attrSet | attrClear, propagation) : 0,
    data: data.join(','),
  }
}

/** `ro` is the only attribute that stays at the top: what is mounted below may be there to be written to. */
function reachOf(options: readonly string[], attributes: number, propagation: string): number {
  const top = attributes === ATTR.RDONLY && !options.includes('rro')
  const reachesBelow = propagation === '' || propagation.startsWith('r')
  return (top ? 0 : treeFlags.attributes) | (reachesBelow ? treeFlags.propagation : 0)
}
