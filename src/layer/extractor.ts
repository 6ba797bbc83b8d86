import { quoted } from '../errors/printable.js'
import { type Native, S_IFBLK, S_IFCHR, S_IFIFO, type Stat } from '../host/index.js'
import { DirectoryTimes } from './directory-times.js'
import { FileWriter, type Place } from './file-writer.js'
import { entryFailed, invalidLayer, isErrno } from './layer-errors.js'
import { cleanName, splitName } from './names.js'
import type { TarEntry } from './tar-entry.js'
import type { TarHandler } from './tar-reader.js'
import { type Directory, isDirectory, removeEntry, Tree } from './tree.js'
import { isAufsMetadata, MergedWhiteouts, OverlayWhiteouts, type Whiteouts, whiteoutPrefix } from './whiteouts.js'
import { defaultAcl, isLayerXattr, setXattr } from './xattrs.js'

/**
 * How whiteouts are kept: `overlay` makes a lower directory for overlayfs, with a 0:0 device for each; `merged` is a
 * tree that already holds the layers below, in which they delete.
 */
export type LayerFormat = 'overlay' | 'merged'

/**
 * Writes the entries of a layer below a directory, with the ownership, modes, times and attributes that they have in the
 * archive. Nothing outside of the directory is reached, whatever the archive says: parents are resolved inside it, and
 * a file is always a new one, never one that was found there.
 */
export class Extractor implements TarHandler {
  readonly #native: Native
  readonly #tree: Tree
  readonly #whiteouts: Whiteouts
  /** Paths of directories that this layer was seen to have; undefined where there were none before it. */
  readonly #entered: Set<string> | undefined
  readonly #times = new DirectoryTimes()
  readonly #file: FileWriter
  #pathsChanged = false
  #entries = 0
  #size = 0

  constructor(native: Native, target: string, format: LayerFormat) {
    this.#native = native
    this.#tree = new Tree(native, { directory: target })
    this.#file = new FileWriter(native, (place, make) => this.#replacing(place, make))
    this.#entered = format === 'merged' ? new Set() : undefined
    this.#whiteouts = format === 'overlay' ? new OverlayWhiteouts(native) : new MergedWhiteouts(native)
  }

  get entries(): number {
    return this.#entries
  }

  /** Bytes that the files have, with their holes, and symlinks: what Docker takes for a layer's size. */
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

  #extract(entry: TarEntry): void {
    const path = cleanName(entry.name)
    verifyNumbers(entry)
    if (path === '') verifyRoot(entry)
    if (path === '' || isAufsMetadata(path)) return
    const { directory, base } = splitName(path)
    const parent = this.#parent(directory, entry)
    if (base.startsWith(whiteoutPrefix)) {
      this.#whiteouts.apply(base, parent)
      this.#pathsChanged = true
    } else {
      this.#make({ entry, path, parent, base })
      this.#whiteouts.created(parent, base)
    }
    if (this.#pathsChanged) this.#forgetPaths()
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
        this.#finishOther(place)
        break
      case 'hardlink':
        this.#makeHardlink(place)
        break
      case 'character':
      case 'block':
      case 'fifo':
        this.#replacing(place, () => this.#makeNode(place))
        this.#finishOther(place)
        break
      default:
        throw new Error(`unreachable: ${entry.kind satisfies never}`)
    }
  }

  /** The directory that an entry goes into. Missing ones are made as Docker makes them: root's, 0755. */
  #parent(path: string, entry: TarEntry): Directory {
    const native = this.#native
    const isFirst = this.#enter(path, entry)
    const directory = this.#tree.directory(path, (parent, base, made) => {
      native.mkdirat(parent.fd, base, 0o700)
      native.chmodAt(parent.fd, base, 0o755)
      this.#whiteouts.created(parent, base)
      this.#times.set((native.statAt(parent.fd, base) as Stat).ino, {
        path: made,
        atime: entry.mtime,
        mtime: entry.mtime,
      })
    })
    if (!isFirst || this.#times.has(directory.inode)) return directory
    const { atime, mtime } = native.statAt(directory.fd, '') as Stat
    this.#times.set(directory.inode, { path, atime, mtime })
    return directory
  }

  /** A directory of lower layers that this layer has something in is this layer's as well, as it would be in an overlay. */
  #enter(path: string, entry: TarEntry): boolean {
    if (this.#entered === undefined || this.#entered.has(path)) return false
    this.#entered.add(path)
    if (path === '') return true
    const { directory, base } = splitName(path)
    this.#whiteouts.created(this.#parent(directory, entry), base)
    return true
  }

  /** Makes something under a new name; what is there already goes first. */
  #replacing<Result>({ parent, base }: Place, make: () => Result): Result {
    try {
      return make()
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
    removeEntry(this.#native, parent, base)
    this.#pathsChanged = true
    return make()
  }

  #makeDirectory(place: Place): void {
    const { entry, path, parent, base } = place
    const native = this.#native
    try {
      native.mkdirat(parent.fd, base, 0o700)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
      if (!isDirectory(native.statAt(parent.fd, base) as Stat)) this.#replaceByDirectory(place)
    }
    this.#setOwnerAndMode(place)
    const { ino } = native.statAt(parent.fd, base) as Stat
    const { mtime, atime = mtime } = entry
    this.#times.set(ino, { path, atime, mtime, acl: entry.xattrs.get(defaultAcl) })
  }

  #replaceByDirectory(place: Place): void {
    const { parent, base } = place
    this.#replacing(place, () => this.#native.mkdirat(parent.fd, base, 0o700))
    this.#whiteouts.directoryReplacedFile(parent, base)
  }

  #makeHardlink(place: Place): void {
    const { entry, parent, base } = place
    const target = splitName(cleanName(entry.linkname))
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

  #makeNode({ entry, parent, base }: Place): void {
    const type = entry.kind === 'fifo' ? S_IFIFO : entry.kind === 'block' ? S_IFBLK : S_IFCHR
    this.#native.mknodat(parent.fd, base, type | 0o600, entry.major, entry.minor)
  }

  #finishOther(place: Place): void {
    const { entry, parent, base } = place
    this.#setOwnerAndMode(place)
    this.#native.utimesAt(parent.fd, base, entry.atime ?? entry.mtime, entry.mtime)
  }

  #setOwnerAndMode({ entry, parent, base }: Place): void {
    const native = this.#native
    native.chownAt(parent.fd, base, entry.uid, entry.gid)
    if (entry.kind !== 'symlink') native.chmodAt(parent.fd, base, entry.mode)
    for (const [name, value] of entry.xattrs) {
      if (isLayerXattr(name) && name !== defaultAcl) setXattr(native, parent.fd, base, name, value)
    }
  }
}

/** Docker leaves the root's attributes alone: images made from a temporary directory would lock all others out. */
export function verifyRoot(entry: TarEntry): void {
  if (entry.kind !== 'directory')
    throw invalidLayer('The archive wants to replace the root itself by a file.', { entry: entry.name })
}

// -1 means "unchanged" to chown(2).
const maxId = 0xfffffffe
const maxMajor = 0xfff
const maxMinor = 0xfffff

export function verifyNumbers({ name, uid, gid, major, minor }: TarEntry): void {
  if (uid <= maxId && gid <= maxId && major <= maxMajor && minor <= maxMinor) return
  throw invalidLayer(`The archive entry ${quoted(name)} has an owner or device number out of range.`, {
    entry: name,
  })
}

function missingTarget({ name, linkname }: TarEntry): Error {
  const message = `The archive entry ${quoted(name)} is a hard link to ${quoted(linkname)}, which is no file of this layer.`
  return invalidLayer(message, { entry: name, linkname })
}
