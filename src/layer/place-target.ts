import { posix } from 'node:path'
import type { Native, Stat } from '../host/index.js'
import { invalidLayer, isErrno } from './layer-errors.js'
import { realPath } from './locate-job.js'
import { splitName } from './names.js'
import type { Owner } from './place-jobs.js'
import { type Directory, isDirectory, removeEntry, Tree } from './tree.js'

export interface TargetOptions {
  readonly root: number
  /** Of directories that are missing on the way. */
  readonly owner: Owner
  readonly directoryMode: number
  /** Whether what is there counts as if it were not. */
  readonly isLink: boolean
}

/** The tree that COPY writes to. Its paths have no leading slash, the root is ''; what they lead through are directories. */
export class PlaceTarget {
  readonly #native: Native
  readonly #options: TargetOptions
  readonly #tree: Tree
  /** With `isLink`: all directories that are there. */
  readonly #made = new Set<string>([''])

  constructor(native: Native, options: TargetOptions) {
    this.#native = native
    this.#options = options
    this.#tree = new Tree(native, { directory: options.root })
  }

  /** The path without symlinks, as far as there is something. */
  resolve(path: string): string {
    if (this.#options.isLink)
      return posix
        .join('/', path)
        .replace(/(?<=.)\/$/, '')
        .slice(1)
    try {
      return realPath(this.#native, this.#tree.root, { directory: this.#options.root }, posix.join('/', path)).slice(1)
    } catch (error) {
      throw isErrno(error, 'ENOTDIR') ? invalidLayer(`mkdir ${path}: not a directory`, { path }) : error
    }
  }

  directory(path: string): Directory {
    return this.#tree.directory(path)
  }

  /** What is at a path; undefined: nothing, or, of links, nothing that counts. */
  stat(path: string): Stat | undefined {
    if (this.#options.isLink && !this.#made.has(path)) return undefined
    if (path === '') return this.#native.statAt(this.#tree.root, '')
    const { directory, base } = splitName(path)
    try {
      return this.#native.statAt(this.#tree.directory(directory).fd, base)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }

  /** Makes the directories that are missing of a path. */
  ensure(path: string): void {
    if (this.#options.isLink) {
      this.#ensureAnew(path)
      return
    }
    try {
      this.#tree.directory(path, (parent, base) => this.#make(parent, base))
    } catch (error) {
      throw isErrno(error, 'ENOTDIR', 'EEXIST') ? invalidLayer(`mkdir /${path}: not a directory`, { path }) : error
    }
  }

  /**
   * A directory in one that is there.
   *
   * @returns whether it was made
   */
  makeDirectory(path: string): boolean {
    const { directory, base } = splitName(path)
    const parent = this.#tree.directory(directory)
    const isNew = !this.#options.isLink || !this.#made.has(path)
    this.#made.add(path)
    try {
      this.#native.mkdirat(parent.fd, base, 0o700)
      return true
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
    if (isDirectory(this.#native.statAt(parent.fd, base) as Stat)) return this.#options.isLink && isNew
    if (!this.#options.isLink) throw invalidLayer(`cannot copy to non-directory: /${path}`, { path })
    this.#remove(parent, base)
    this.#native.mkdirat(this.#tree.directory(directory).fd, base, 0o700)
    return true
  }

  /** Makes anything but a directory at a path, in a directory that is there; what has its name goes first. */
  make(path: string, make: (directory: number, name: string) => void): void {
    const { directory, base } = splitName(path)
    const parent = this.#tree.directory(directory)
    try {
      make(parent.fd, base)
      return
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
    const there = this.#native.statAt(parent.fd, base)
    const isKept = !this.#options.isLink || this.#made.has(path)
    if (there !== undefined && isDirectory(there) && isKept)
      throw invalidLayer(`cannot replace to directory /${path} with file`, { path })
    this.#remove(parent, base)
    make(this.#tree.directory(directory).fd, base)
  }

  close(): void {
    this.#tree.close()
  }

  #ensureAnew(path: string): void {
    if (this.#made.has(path)) return
    const { directory } = splitName(path)
    this.#ensureAnew(directory)
    this.makeDirectory(path)
    this.#settle(this.#tree.directory(path).fd)
  }

  #make({ fd }: Directory, base: string): void {
    this.#native.mkdirat(fd, base, 0o700)
    this.#settle(fd, base)
  }

  #settle(fd: number, name = ''): void {
    const { owner, directoryMode } = this.#options
    this.#native.chownAt(fd, name, owner.uid, owner.gid)
    this.#native.chmodAt(fd, name, directoryMode)
  }

  #remove(parent: Directory, base: string): void {
    removeEntry(this.#native, parent, base)
    this.#tree.forget()
  }
}
