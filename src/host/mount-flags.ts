/** mount(2)'s MS_* flags. @see mount(2) */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  MANDLOCK: 64,
  DIRSYNC: 128,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  REC: 16384,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
} as const

/** umount2(2). */
export const MNT_DETACH = 2
export const UMOUNT_NOFOLLOW = 8

const words: Readonly<
  Record<string, { readonly set?: number; readonly clear?: number; readonly propagation?: number }>
> = {
  defaults: {},
  ro: { set: MS.RDONLY },
  rw: { clear: MS.RDONLY },
  nosuid: { set: MS.NOSUID },
  suid: { clear: MS.NOSUID },
  nodev: { set: MS.NODEV },
  dev: { clear: MS.NODEV },
  noexec: { set: MS.NOEXEC },
  exec: { clear: MS.NOEXEC },
  sync: { set: MS.SYNCHRONOUS },
  async: { clear: MS.SYNCHRONOUS },
  dirsync: { set: MS.DIRSYNC },
  mand: { set: MS.MANDLOCK },
  nomand: { clear: MS.MANDLOCK },
  nosymfollow: { set: MS.NOSYMFOLLOW },
  noatime: { set: MS.NOATIME },
  atime: { clear: MS.NOATIME },
  nodiratime: { set: MS.NODIRATIME },
  diratime: { clear: MS.NODIRATIME },
  relatime: { set: MS.RELATIME },
  norelatime: { clear: MS.RELATIME },
  strictatime: { set: MS.STRICTATIME },
  nostrictatime: { clear: MS.STRICTATIME },
  bind: { set: MS.BIND },
  rbind: { set: MS.BIND | MS.REC },
  private: { propagation: MS.PRIVATE },
  rprivate: { propagation: MS.PRIVATE | MS.REC },
  slave: { propagation: MS.SLAVE },
  rslave: { propagation: MS.SLAVE | MS.REC },
  shared: { propagation: MS.SHARED },
  rshared: { propagation: MS.SHARED | MS.REC },
  unbindable: { propagation: MS.UNBINDABLE },
  runbindable: { propagation: MS.UNBINDABLE | MS.REC },
}

/** Words of mount(8), as mount(2) takes them. */
export interface MountWords {
  readonly flags: number
  /** For a call of its own: the kernel changes propagation alone; 0: not given. */
  readonly propagation: number
  /** What is no word of mount(8), for the filesystem. */
  readonly rest: readonly string[]
}

/** Sorts words of mount(8): a later one undoes an earlier one. */
export function mountWords(options: readonly string[]): MountWords {
  let flags = 0
  let propagation = 0
  const rest: string[] = []
  for (const option of options) {
    const known = Object.hasOwn(words, option) ? words[option] : undefined
    if (!known) rest.push(option)
    else {
      flags = (flags | (known.set ?? 0)) & ~(known.clear ?? 0)
      propagation = known.propagation ?? propagation
    }
  }
  return { flags, propagation, rest }
}
