import { closeSync } from 'node:fs'
import {
  AT_FDCWD,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFDIR,
  S_IFMT,
  type Stat,
} from '../host/index.js'
import { KernelFiles } from './kernel-files.js'
import { invalidLayer, isErrno } from './layer-errors.js'
import { splitName } from './names.js'

/** An open directory of a tree. The descriptor belongs to the tree, which may close it when other directories are opened. */
export interface Directory {
  readonly fd: number
  readonly inode: number
}

/** A directory whose content nobody trusts. */
export interface TreeRoot {
  /** Its path, which is trusted, or a descriptor, which has to stay open as long as it is used. */
  readonly directory: string | number
  /** Whether what is mounted below belongs to it: true for the root of a container. Default false. */
  readonly crossesMounts?: boolean
  /**
   * Whether procfs, sysfs and other filesystems of the kernel's own are as empty directories that nothing can be put into:
   * true for what a running container sees. Default false.
   */
  readonly hidesKernel?: boolean
}

const maxOpenDirectories = 64

/** How a path is resolved as if a tree were the filesystem's root. */
export function within({ crossesMounts = false }: TreeRoot): number {
  return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (crossesMounts ? 0 : RESOLVE_NO_XDEV)
}

/** A descriptor of its own for a tree's root. */
export function openTree(native: Native, { directory }: TreeRoot): number {
  const isPath = typeof directory === 'string'
  return native.openat2(isPath ? AT_FDCWD : directory, isPath ? directory : '.', O_RDONLY | O_DIRECTORY, 0, 0)
}

/**
 * Reaches directories of a tree whose content nobody trusts: by descriptor, symlinks resolved as if the tree were the
 * filesystem's root, magic links refused, and mounts unless they belong to it. Recently used directories stay open.
 */
export class Tree {
  readonly root: number
  readonly #native: Native
  readonly #within: number
  readonly #kernel: KernelFiles
  readonly #open = new Map<string, Directory>()
  #lastPath: string | undefined
  #last: Directory | undefined

  constructor(native: Native, root: TreeRoot) {
    this.#native = native
    this.#within = within(root)
    this.#kernel = new KernelFiles(native, root)
    this.root = openTree(native, root)
  }

  /**
   * The directory at a cleaned path. Where one is missing, `create` makes it, parents first.
   *
   * @throws ENOENT without `create`; ENOTDIR, ELOOP, EXDEV for what cannot be entered
   */
  directory(path: string, create?: (parent: Directory, base: string, path: string) => void): Directory {
    if (path === this.#lastPath) return this.#last as Directory
    const known = this.#open.get(path)
    this.#open.delete(path)
    const directory = known ?? this.#enter(path, create)
    this.#open.set(path, directory)
    this.#lastPath = path
    this.#last = directory
    if (this.#open.size > maxOpenDirectories) this.#closeOldest()
    return directory
  }

  /** To be called when a directory or symlink was removed or replaced: paths may lead elsewhere now. */
  forget(): void {
    for (const { fd } of this.#open.values()) closeSync(fd)
    this.#open.clear()
    this.#lastPath = undefined
  }

  close(): void {
    this.forget()
    closeSync(this.root)
  }

  #enter(path: string, create?: (parent: Directory, base: string, path: string) => void): Directory {
    try {
      return this.#openDirectory(path)
    } catch (error) {
      if (create === undefined || !isErrno(error, 'ENOENT')) throw error
    }
    const { directory, base } = splitName(path)
    create(this.directory(directory, create), base, path)
    return this.#openDirectory(path)
  }

  #openDirectory(path: string): Directory {
    const fd = this.#native.openat2(this.root, path === '' ? '.' : path, O_RDONLY | O_DIRECTORY, 0, this.#within)
    if (this.#kernel.has(fd)) {
      closeSync(fd)
      throw invalidLayer(`/${path} is of a filesystem of the kernel's: nothing can be copied there`, {
        path: `/${path}`,
      })
    }
    return { fd, inode: (this.#native.statAt(fd, '') as Stat).ino }
  }

  #closeOldest(): void {
    const [path, { fd }] = this.#open.entries().next().value as [string, Directory]
    this.#open.delete(path)
    closeSync(fd)
  }
}

/**
 * Removes a name and all below it, but for what `isKept` claims and the directories that lead there.
 *
 * @returns whether nothing is left of it
 */
export function removeEntry(
  native: Native,
  directory: Directory,
  name: string,
  isKept: (directory: Directory, name: string) => boolean = () => false,
): boolean {
  const stat = native.statAt(directory.fd, name)
  if (stat === undefined) return true
  let isEmpty = !isKept(directory, name)
  if (!isDirectory(stat)) {
    if (isEmpty) native.unlinkat(directory.fd, name, false)
    return isEmpty
  }
  isEmpty = removeContents(native, directory, name, isKept) && isEmpty
  if (isEmpty) native.unlinkat(directory.fd, name, true)
  return isEmpty
}

/** {@link removeEntry} for all that is in the directory `name`. */
export function removeContents(
  native: Native,
  parent: Directory,
  name: string,
  isKept: (directory: Directory, name: string) => boolean,
): boolean {
  const fd = native.openat2(
    parent.fd,
    name,
    O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
    0,
    RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
  )
  try {
    const directory = { fd, inode: (native.statAt(fd, '') as Stat).ino }
    let isEmpty = true
    for (const child of native.readDirectory(fd))
      isEmpty = removeEntry(native, directory, child.name, isKept) && isEmpty
    return isEmpty
  } finally {
    closeSync(fd)
  }
}

export function isDirectory(stat: Stat): boolean {
  return (stat.mode & S_IFMT) === S_IFDIR
}
