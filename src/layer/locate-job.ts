import { posix } from 'node:path'
import { type Native, native, O_NOFOLLOW, O_PATH, S_IFLNK, S_IFMT, type Stat, withDescriptor } from '../host/index.js'
import { KernelFiles } from './kernel-files.js'
import { isErrno } from './layer-errors.js'
import type { LocateRequest, Location } from './plain-jobs.js'
import { isDirectory, openTree, type TreeRoot, within } from './tree.js'

/** As the kernel's own limit, which counts them over the whole path. */
const maxLinks = 40

/** Where a path leads. @throws ENOTDIR when it goes on behind what is no directory */
export function locateJob({ root, path }: LocateRequest): Location {
  return withDescriptor(openTree(native(), root), (top) => {
    const walk = new Walk(native(), top, root)
    const clean = posix.join('/', path)
    const wantsDirectory = isDirectoryName(path)
    const { dir, base } = posix.parse(clean.replace(/(?<=.)\/$/, ''))
    const real = wantsDirectory || base === '' ? walk.resolve(clean) : posix.join(walk.resolve(dir), base)
    const stat = walk.stat(real)
    if (wantsDirectory && stat !== undefined && !isDirectory(stat)) throw failure('ENOTDIR', 'not a directory', path)
    const isLink = stat !== undefined && (stat.mode & S_IFMT) === S_IFLNK
    return { path: real, stat, ...(isLink && { target: walk.resolve(real) }) }
  })
}

/** A path without symlinks for one of the tree. It is good for being resolved inside the tree again: nothing else is. */
export function realPath(native: Native, top: number, root: TreeRoot, path: string): string {
  return new Walk(native, top, root).resolve(path)
}

/** Whether only a directory can have been meant: `a/`, `a/.`. */
function isDirectoryName(path: string): boolean {
  return /(?:^|\/)\.?$/.test(path)
}

class Walk {
  readonly #native: Native
  readonly #top: number
  readonly #within: number
  readonly #kernel: KernelFiles

  constructor(native: Native, top: number, root: TreeRoot) {
    this.#native = native
    this.#top = top
    this.#within = within(root)
    this.#kernel = new KernelFiles(native, root)
  }

  /** Follows symlinks, as if the tree were the filesystem's root, as far as there is something. */
  resolve(path: string): string {
    const left = components(path)
    let done: string[] = []
    for (let links = 0; left.length > 0; ) {
      const name = left.pop() as string
      const next = [...done, name]
      const link = name === '..' ? undefined : this.#readLink(next.join('/'))
      if (name === '..') done.pop()
      else if (link === undefined) done = next
      else if (++links > maxLinks) throw failure('ELOOP', 'too many levels of symbolic links', path)
      else {
        if (link.startsWith('/')) done = []
        left.push(...components(link))
      }
    }
    return `/${done.join('/')}`
  }

  stat(path: string): Stat | undefined {
    return this.#at(path, (fd) => this.#native.statAt(fd, ''))
  }

  #readLink(path: string): string | undefined {
    return this.#at(path, (fd) => {
      const { mode } = this.#native.statAt(fd, '') as Stat
      return (mode & S_IFMT) === S_IFLNK ? this.#native.readlinkAt(fd, '') : undefined
    })
  }

  /** Undefined when there is nothing. */
  #at<Result>(path: string, use: (fd: number) => Result): Result | undefined {
    try {
      const fd = this.#open(path)
      return withDescriptor(fd, () => (this.#isHidden(fd, path) ? undefined : use(fd)))
    } catch (error) {
      // Only magic links are left to be refused, in procfs.
      if (isErrno(error, 'ENOENT') || (this.#kernel.areHidden && isErrno(error, 'ELOOP'))) return undefined
      throw error
    }
  }

  #open(path: string): number {
    return this.#native.openat2(this.#top, path, O_PATH | O_NOFOLLOW, 0, this.#within)
  }

  /** Of the kernel's filesystems there are only the directories that they are mounted on. */
  #isHidden(fd: number, path: string): boolean {
    if (!this.#kernel.has(fd)) return false
    if (!isDirectory(this.#native.statAt(fd, '') as Stat)) return true
    return withDescriptor(this.#open(posix.dirname(path)), (parent) => this.#kernel.has(parent))
  }
}

/** The last first. */
function components(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .reverse()
}

function failure(code: string, message: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${message}, openat2 '${path}'`), { code, syscall: 'openat2', path })
}
