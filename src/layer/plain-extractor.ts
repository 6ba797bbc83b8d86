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
import { DirectoryTimes } from './directory-times.js'
import { verifyNumbers, verifyRoot } from './extractor.js'
import { FileWriter, type Place } from './file-writer.js'
import { entryFailed, invalidLayer, isErrno } from './layer-errors.js'
import { exactly } from './layered-directory.js'
import { cleanName, splitName } from './names.js'
import type { ExtractRules } from './plain-jobs.js'
import type { EntryKind, TarEntry } from './tar-entry.js'
import type { TarHandler } from './tar-reader.js'
import { type Directory, isDirectory, Tree, type TreeRoot } from './tree.js'
import { defaultAcl, isPlainXattr, setXattr } from './xattrs.js'

const types: Readonly<Record<Exclude<EntryKind, 'hardlink'>, number>> = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  character: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
}

/**
 * Writes the entries of an archive into a tree, over what is there, as tar(1) does as root. Nothing outside of the tree is
 * reached, whatever the archive says and whoever changes the tree meanwhile: parents are resolved inside it, a file is always
 * a new one, and owner and mode are given to what was looked at, not to what has its name by then.
 */
export class PlainExtractor implements TarHandler {
  readonly #native: Native
  readonly #tree: Tree
  readonly #at: string
  readonly #resolve: number
  readonly #rules: ExtractRules
  readonly #times = new DirectoryTimes()
  readonly #file: FileWriter
  #pathsChanged = false
  #entries = 0
  #size = 0

  /** @param at the directory's path from the tree's root: `''` is the root itself */
  constructor(native: Native, root: TreeRoot, at: string, rules: ExtractRules) {
    this.#native = native
    this.#tree = new Tree(native, root)
    this.#at = at
    this.#resolve = root.crossesMounts ? exactly & ~RESOLVE_NO_XDEV : exactly
    this.#rules = rules
    this.#file = new FileWriter(native, (place, make) => this.#replacing(place, make), isPlainXattr)
  }

  get entries(): number {
    return this.#entries
  }

  get size(): number {
    return this.#size
  }

  entry(entry: TarEntry): void {
    try {
      this.#extract(entry)
      this.#entries++
    } catch (error) {
      throw entryFailed(entry.name, error)
    }
  }

  data(bytes: Buffer, position: number): void {
    this.#file.write(bytes, position)
    if (this.#pathsChanged) this.#forgetPaths()
  }

  end(): void {
    this.#file.finish()
    if (this.#pathsChanged) this.#forgetPaths()
  }

  /** After the last entry. */
  finish(): void {
    this.#times.apply(this.#native, this.#tree)
  }

  /** Gives the descriptors back, also after a failure. */
  close(): void {
    this.#file.close()
    this.#tree.close()
  }

  #extract(original: TarEntry): void {
    verifyNumbers(original)
    const entry = this.#adapt(original)
    const path = this.#below(cleanName(entry.name))
    if (path === this.#at) {
      this.#extractRoot(entry)
      return
    }
    const { directory, base } = splitName(path)
    this.#make({ entry, path, parent: this.#parent(directory, entry), base })
    if (this.#pathsChanged) this.#forgetPaths()
  }

  #below(path: string): string {
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
    this.#settleOpened(this.#tree.directory(this.#at).fd, entry, this.#at)
  }

  /** Missing directories are root's, or the owner's, 0755. */
  #parent(path: string, { mtime }: TarEntry): Directory {
    return this.#tree.directory(path, (parent, base, made) => {
      const { uid, gid } = this.#rules.owner ?? { uid: 0, gid: 0 }
      const entry = { kind: 'directory', mode: 0o755, uid, gid, mtime, xattrs: new Map() } as const
      this.#native.mkdirat(parent.fd, base, 0o700)
      this.#settle({ entry: { ...missing, ...entry, name: made }, path: made, parent, base })
    })
  }

  /** What was replaced may have been a directory or symlink that known paths led through. */
  #forgetPaths(): void {
    this.#tree.forget()
    this.#pathsChanged = false
  }

  #make(place: Place): void {
    const { entry, parent, base } = place
    switch (entry.kind) {
      case 'file':
        this.#file.begin(place)
        this.#size += entry.size
        break
      case 'directory':
        this.#makeDirectory(place)
        break
      case 'symlink':
        this.#replacing(place, () => this.#native.symlinkat(entry.linkname, parent.fd, base))
        this.#size += Buffer.byteLength(entry.linkname)
        this.#settle(place)
        break
      case 'hardlink':
        this.#makeHardlink(place)
        break
      case 'character':
      case 'block':
      case 'fifo':
        this.#replacing(place, () => this.#makeNode(place, types[entry.kind as 'fifo']))
        this.#settle(place)
        break
      default:
        throw new Error(`unreachable: ${entry.kind satisfies never}`)
    }
  }

  /** Makes something under a new name; what is there already goes first. */
  #replacing<Result>(place: Place, make: () => Result): Result {
    try {
      return make()
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
    this.#remove(place)
    return make()
  }

  /** As tar(1): a directory goes only when it is empty. */
  #remove(place: Place): void {
    const { parent, base } = place
    const there = this.#native.statAt(parent.fd, base)
    if (there === undefined) return
    const isOther = isDirectory(there) !== (place.entry.kind === 'directory')
    if (isOther && this.#rules.keepsKinds) throw cannotOverwrite(place, there, this.#at)
    try {
      this.#native.unlinkat(parent.fd, base, isDirectory(there))
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY')) throw cannotOverwrite(place, there, this.#at)
      if (!isErrno(error, 'ENOENT')) throw error
    }
    this.#pathsChanged = true
  }

  #makeDirectory(place: Place): void {
    const { parent, base } = place
    const native = this.#native
    try {
      native.mkdirat(parent.fd, base, 0o700)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
      const there = native.statAt(parent.fd, base)
      if (there === undefined || !isDirectory(there))
        this.#replacing(place, () => native.mkdirat(parent.fd, base, 0o700))
    }
    this.#settle(place)
  }

  #makeHardlink(place: Place): void {
    const { entry, parent, base } = place
    const target = splitName(this.#below(cleanName(entry.linkname)))
    const native = this.#native
    try {
      const directory = this.#tree.directory(target.directory)
      const stat = native.statAt(directory.fd, target.base)
      if (target.base === '' || stat === undefined || isDirectory(stat)) throw missingTarget(entry)
      if (directory.inode === parent.inode && target.base === base) return
      this.#replacing(place, () => native.linkat(directory.fd, target.base, parent.fd, base))
    } catch (error) {
      throw isErrno(error, 'ENOENT', 'ENOTDIR') ? missingTarget(entry) : error
    }
  }

  #makeNode({ entry, parent, base }: Place, type: number): void {
    this.#native.mknodat(parent.fd, base, type | 0o600, entry.major, entry.minor)
  }

  /** Gives what was made its owner, mode, attributes and times. */
  #settle({ entry, path, parent, base }: Place): void {
    const fd = this.#native.openat2(parent.fd, base, O_PATH | O_NOFOLLOW, 0, this.#resolve)
    withDescriptor(fd, () => this.#settleOpened(fd, entry, path))
  }

  #settleOpened(fd: number, entry: TarEntry, path: string): void {
    const native = this.#native
    const { mode, ino } = native.statAt(fd, '') as Stat
    // Somebody put something else there: it is not to get this owner and mode.
    if ((mode & S_IFMT) !== types[entry.kind as 'fifo'])
      throw invalidLayer(`${quoted(path)} was exchanged while it was extracted.`, { entry: entry.name })
    native.chownAt(fd, '', entry.uid, entry.gid)
    if (entry.kind !== 'symlink') native.chmodAt(fd, '', entry.mode)
    for (const [name, value] of entry.xattrs)
      if (isPlainXattr(name) && name !== defaultAcl) setXattr(native, fd, '', name, value)
    const { mtime, atime = mtime } = entry
    if (entry.kind === 'directory') this.#times.set(ino, { path, atime, mtime, acl: entry.xattrs.get(defaultAcl) })
    else native.utimesAt(fd, '', atime, mtime)
  }
}

const missing = { linkname: '', size: 0, major: 0, minor: 0 } as const

/** In Docker's words, which name the directory that is extracted to. */
function cannotOverwrite({ path, entry }: Place, there: Stat, at: string): Error {
  const [old, made] = isDirectory(there) ? ['directory', 'non-directory'] : ['non-directory', 'directory']
  return invalidLayer(`cannot overwrite ${old} ${quoted(`/${path}`)} with ${made} ${quoted(`/${at}`)}`, {
    entry: entry.name,
    path: `/${path}`,
  })
}

function missingTarget({ name, linkname }: TarEntry): Error {
  const message = `The archive entry ${quoted(name)} is a hard link to ${quoted(linkname)}, which is no file there.`
  return invalidLayer(message, { entry: name, linkname })
}
