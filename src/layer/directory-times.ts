import type { Native, Time } from '../host/index.js'
import { isErrno } from './layer-errors.js'
import type { Directory, Tree } from './tree.js'
import { defaultAcl, setXattr } from './xattrs.js'

interface Pending {
  readonly path: string
  readonly atime: Time
  readonly mtime: Time
  readonly acl?: Buffer | undefined
}

/** What directories get only when everything in them is made: making it would change their times and inherit their ACL. */
export class DirectoryTimes {
  readonly #pending = new Map<number, Pending>()

  has(inode: number): boolean {
    return this.#pending.has(inode)
  }

  /** By inode, because one directory may be reached by several paths. */
  set(inode: number, pending: Pending): void {
    this.#pending.set(inode, pending)
  }

  apply(native: Native, tree: Tree): void {
    for (const [inode, { path, atime, mtime, acl }] of this.#pending) {
      const directory = reach(tree, path)
      if (directory?.inode !== inode) continue
      if (acl !== undefined) setXattr(native, directory.fd, '', defaultAcl, acl)
      native.utimesAt(directory.fd, '', atime, mtime)
    }
  }
}

/** Undefined when the directory has since been replaced by something else. */
function reach(tree: Tree, path: string): Directory | undefined {
  try {
    return tree.directory(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}
