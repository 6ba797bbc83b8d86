import { quoted } from '../errors/printable.js'
import { type Native, S_IFBLK, S_IFCHR, S_IFIFO } from '../host/index.js'
import { DirectoryTimes } from './directory-times.js'
import { FileWriter, type Place } from './file-writer.js'
import { entryFailed, invalidLayer, isErrno } from './layer-errors.js'
import { splitName } from './names.js'
import type { TarEntry } from './tar-entry.js'
import type { TarHandler } from './tar-reader.js'
import { isDirectory, Tree, type TreeRoot } from './tree.js'

/**
 * What all extraction has in common: entries become files below a directory, and nothing outside of it is reached, whatever
 * the archive says. Parents are resolved inside it, and a file is always a new one, never one that was found there. What
 * an entry means beyond that, layers and plain archives say for themselves.
 */
export abstract class TreeExtractor implements TarHandler {
  protected readonly native: Native
  protected readonly tree: Tree
  protected readonly times = new DirectoryTimes()
  /** What was replaced may have been a directory or symlink that known paths led through. */
  protected pathsChanged = false
  readonly #file: FileWriter
  #entries = 0
  #size = 0

  constructor(native: Native, root: TreeRoot, takesXattr?: (name: string) => boolean) {
    this.native = native
    this.tree = new Tree(native, root)
    this.#file = new FileWriter(native, (place, make) => this.replacing(place, make), takesXattr)
  }

  /** Finds out where an entry goes, and gives it to {@link make}. */
  protected abstract extract(entry: TarEntry): void
  /** Makes the directory, or leaves the one that is there, and settles it. */
  protected abstract makeDirectory(place: Place): void
  /** Removes what has the name of something else. */
  protected abstract remove(place: Place): void
  /** Gives what was made its owner, mode, attributes and times. */
  protected abstract settle(place: Place): void
  /** A name of the archive as a path of the tree. */
  protected abstract pathOf(name: string): string

  get entries(): number {
    return this.#entries
  }

  /** Bytes that the files have, with their holes, and symlinks: what Docker takes for a layer's size. */
  get size(): number {
    return this.#size
  }

  entry(entry: TarEntry): void {
    try {
      verifyNumbers(entry)
      this.extract(entry)
      this.#forgetPaths()
      this.#entries++
    } catch (error) {
      throw entryFailed(entry.name, error)
    }
  }

  data(bytes: Buffer, position: number): void {
    this.#file.write(bytes, position)
    this.#forgetPaths()
  }

  /** In place of {@link data}: see {@link FileWriter.copy}. */
  copy(copy: (target: number) => number, position: number): number {
    const copied = this.#file.copy(copy, position)
    this.#forgetPaths()
    return copied
  }

  end(): void {
    this.#file.finish()
    this.#forgetPaths()
  }

  /** After the last entry. */
  finish(): void {
    this.times.apply(this.native, this.tree)
  }

  /** Gives the descriptors back, also after a failure. */
  close(): void {
    this.#file.close()
    this.tree.close()
  }

  protected make(place: Place): void {
    const { entry, parent, base } = place
    switch (entry.kind) {
      case 'file':
        this.#file.begin(place)
        this.#size += entry.size
        break
      case 'directory':
        this.makeDirectory(place)
        break
      case 'symlink':
        this.replacing(place, () => this.native.symlinkat(entry.linkname, parent.fd, base))
        this.#size += Buffer.byteLength(entry.linkname)
        this.settle(place)
        break
      case 'hardlink':
        this.#makeHardlink(place)
        break
      case 'character':
      case 'block':
      case 'fifo':
        this.replacing(place, () => this.#makeNode(place))
        this.settle(place)
        break
      default:
        throw new Error(`unreachable: ${entry.kind satisfies never}`)
    }
  }

  /** Makes something under a new name; what is there already goes first. */
  protected replacing<Result>(place: Place, make: () => Result): Result {
    try {
      return make()
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
    this.remove(place)
    this.pathsChanged = true
    return make()
  }

  #makeHardlink(place: Place): void {
    const { entry, parent, base } = place
    const target = splitName(this.pathOf(entry.linkname))
    try {
      const directory = this.tree.directory(target.directory)
      const stat = this.native.statAt(directory.fd, target.base)
      if (target.base === '' || stat === undefined || isDirectory(stat)) throw missingTarget(entry)
      if (directory.inode === parent.inode && target.base === base) return
      this.replacing(place, () => this.native.linkat(directory.fd, target.base, parent.fd, base))
    } catch (error) {
      throw isErrno(error, 'ENOENT', 'ENOTDIR') ? missingTarget(entry) : error
    }
  }

  #makeNode({ entry, parent, base }: Place): void {
    const type = entry.kind === 'fifo' ? S_IFIFO : entry.kind === 'block' ? S_IFBLK : S_IFCHR
    this.native.mknodat(parent.fd, base, type | 0o600, entry.major, entry.minor)
  }

  #forgetPaths(): void {
    if (!this.pathsChanged) return
    this.tree.forget()
    this.pathsChanged = false
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

function verifyNumbers({ name, uid, gid, major, minor }: TarEntry): void {
  if (uid <= maxId && gid <= maxId && major <= maxMajor && minor <= maxMinor) return
  throw invalidLayer(`The archive entry ${quoted(name)} has an owner or device number out of range.`, {
    entry: name,
  })
}

function missingTarget({ name, linkname }: TarEntry): Error {
  const message = `The archive entry ${quoted(name)} is a hard link to ${quoted(linkname)}, which is no file of it.`
  return invalidLayer(message, { entry: name, linkname })
}
