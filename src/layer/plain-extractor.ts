import { closeSync } from 'node:fs'
import { posix } from 'node:path'
import { quoted } from '../errors/printable.js'
import {
  type Native,
  O_NOFOLLOW,
  O_PATH,
  RESOLVE_NO_XDEV,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
  withDescriptor,
} from '../host/index.js'
import type { Place } from './file-writer.js'
import { invalidLayer, isErrno } from './layer-errors.js'
import { exactly } from './layered-directory.js'
import { cleanName, splitName } from './names.js'
import type { ExtractRules } from './plain-jobs.js'
import type { EntryKind, TarEntry } from './tar-entry.js'
import { type Directory, isDirectory, removeEntry, type TreeRoot } from './tree.js'
import { TreeExtractor, verifyRoot } from './tree-extractor.js'
import { defaultAcl, isPlainXattr, setXattr } from './xattrs.js'

const types: Readonly<Record<Exclude<EntryKind, 'hardlink'>, number>> = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  character: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
}

const devices: ReadonlySet<EntryKind> = new Set(['character', 'block', 'fifo'])

/**
 * Writes the entries of an archive into a tree, over what is there, as tar(1) does as root. Nothing outside of the tree is
 * reached, whatever the archive says and whoever changes the tree meanwhile: parents are resolved inside it, a file is always
 * a new one, and owner and mode are given to what was looked at, not to what has its name by then.
 */
export class PlainExtractor extends TreeExtractor {
  readonly #at: string
  readonly #resolve: number
  readonly #rules: ExtractRules

  /** @param at the directory's path from the tree's root: `''` is the root itself */
  constructor(native: Native, root: TreeRoot, at: string, rules: ExtractRules) {
    super(native, root, isPlainXattr)
    this.#at = at
    this.#resolve = root.crossesMounts ? exactly & ~RESOLVE_NO_XDEV : exactly
    this.#rules = rules
  }

  protected override extract(original: TarEntry): void {
    if (this.#rules.skipsDevices && devices.has(original.kind)) return
    const entry = this.#adapt(original)
    const path = this.pathOf(entry.name)
    if (path === this.#at) {
      this.#extractRoot(entry)
      return
    }
    const { directory, base } = splitName(path)
    this.make({ entry, path, parent: this.#parent(directory, entry), base })
  }

  protected override pathOf(name: string): string {
    const path = cleanName(name)
    if (this.#at === '') return path
    return path === '' ? this.#at : `${this.#at}/${path}`
  }

  #adapt(entry: TarEntry): TarEntry {
    const { owner, keepsPrivileges = true } = this.#rules
    if (keepsPrivileges) return owner === undefined ? entry : { ...entry, ...owner }
    const xattrs = new Map([...entry.xattrs].filter(([name]) => name.startsWith('user.')))
    return { ...entry, ...owner, mode: entry.mode & 0o1777, xattrs }
  }

  /** The directory that all goes into. */
  #extractRoot(entry: TarEntry): void {
    verifyRoot(entry)
    if (this.#rules.setsRoot === false) return
    this.#settleOpened(this.tree.directory(this.#at).fd, entry, this.#at)
  }

  /** Missing directories are root's, or the owner's, 0755. */
  #parent(path: string, { mtime }: TarEntry): Directory {
    return this.tree.directory(path, (parent, base, made) => {
      const { uid, gid } = this.#rules.owner ?? { uid: 0, gid: 0 }
      const entry = { kind: 'directory', mode: 0o755, uid, gid, mtime, xattrs: new Map() } as const
      this.native.mkdirat(parent.fd, base, 0o700)
      this.settle({ entry: { ...missing, ...entry, name: made }, path: made, parent, base })
    })
  }

  /** What is mounted at a place is in the way like any other file, but stays. */
  protected override replacing<Result>(place: Place, make: () => Result): Result {
    try {
      return super.replacing(place, make)
    } catch (error) {
      if (!isErrno(error, 'EXDEV')) throw error
    }
    this.remove(place)
    return make()
  }

  /** As tar(1): a directory goes only when it is empty. */
  protected override remove(place: Place): void {
    const { parent, base } = place
    const there = this.native.statAt(parent.fd, base)
    if (there === undefined) return
    const isOther = isDirectory(there) !== (place.entry.kind === 'directory')
    if (isOther && this.#rules.keepsKinds) throw this.#cannotOverwrite(place, there)
    const verify = (directory: Directory, name: string) => {
      this.#verifyNotMounted(directory, name, place.path)
      return false
    }
    if (this.#rules.replacesDirectories) return void removeEntry(this.native, parent, base, verify)
    verify(parent, base)
    try {
      this.native.unlinkat(parent.fd, base, isDirectory(there))
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY')) throw this.#cannotOverwrite(place, there)
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }

  /** The kernel removes also what something is mounted on in another mount namespace, and the mount with it. */
  #verifyNotMounted({ fd }: Directory, name: string, path: string): void {
    try {
      closeSync(this.native.openat2(fd, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_XDEV))
    } catch (error) {
      if (isErrno(error, 'EXDEV')) throw busy(path)
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }

  protected override makeDirectory(place: Place): void {
    const { parent, base } = place
    const native = this.native
    try {
      native.mkdirat(parent.fd, base, 0o700)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
      const there = native.statAt(parent.fd, base)
      if (there === undefined || !isDirectory(there))
        this.replacing(place, () => native.mkdirat(parent.fd, base, 0o700))
    }
    this.settle(place)
  }

  protected override settle({ entry, path, parent, base }: Place): void {
    const fd = this.native.openat2(parent.fd, base, O_PATH | O_NOFOLLOW, 0, this.#resolve)
    withDescriptor(fd, () => this.#settleOpened(fd, entry, path))
  }

  #settleOpened(fd: number, entry: TarEntry, path: string): void {
    const native = this.native
    const { mode, ino } = native.statAt(fd, '') as Stat
    // Somebody put something else there: it is not to get this owner and mode.
    if ((mode & S_IFMT) !== types[entry.kind as 'fifo'])
      throw invalidLayer(`${quoted(path)} was exchanged while it was extracted.`, { entry: entry.name })
    native.chownAt(fd, '', entry.uid, entry.gid)
    if (entry.kind !== 'symlink') native.chmodAt(fd, '', entry.mode)
    for (const [name, value] of entry.xattrs)
      if (isPlainXattr(name) && name !== defaultAcl) setXattr(native, fd, '', name, value)
    const { mtime, atime = mtime } = entry
    if (entry.kind === 'directory') this.times.set(ino, { path, atime, mtime, acl: entry.xattrs.get(defaultAcl) })
    else native.utimesAt(fd, '', atime, mtime)
  }

  /** In Docker's words, which name the directory that is extracted to. */
  #cannotOverwrite({ path, entry }: Place, there: Stat): Error {
    const [old, made] = isDirectory(there) ? ['directory', 'non-directory'] : ['non-directory', 'directory']
    const [place, at] = [path, this.#at].map((name) => posix.join(this.#rules.rootName ?? '/', name))
    return invalidLayer(`cannot overwrite ${old} ${quoted(`${place}`)} with ${made} ${quoted(`${at}`)}`, {
      entry: entry.name,
      path: place,
    })
  }
}

function busy(path: string): Error {
  const call = { code: 'EBUSY', errno: 16, syscall: 'unlinkat', path: `/${path}` }
  return Object.assign(new Error(`EBUSY: device or resource busy, ${call.syscall} '${call.path}'`), call)
}

const missing = { linkname: '', size: 0, major: 0, minor: 0 } as const
