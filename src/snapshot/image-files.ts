import { native, S_IFDIR, S_IFLNK, S_IFMT } from '../host/index.js'
import { MergedTree } from './merged-tree.js'

/** What an image has at a path. */
export type ImageFile =
  | { readonly kind: 'directory'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'other' }

/** The files of an image, as if all of its layers were one tree. */
export interface ImageFiles extends Disposable {
  /** Undefined for what is not there. The last component is not followed. */
  lookup(path: string): ImageFile | undefined
}

/** @param layers directories, top first */
export function openImageFiles(layers: readonly string[]): ImageFiles {
  const tree = new MergedTree(native(), layers)
  return {
    lookup(path) {
      const found = tree.lookup(path, { followLast: false })
      if (!found) return undefined
      const { mode, uid, gid } = found.stat
      if ((mode & S_IFMT) === S_IFDIR) return { kind: 'directory', mode: mode & 0o7777, uid, gid }
      const target = (mode & S_IFMT) === S_IFLNK ? tree.readlink(found) : undefined
      return target === undefined ? { kind: 'other' } : { kind: 'symlink', target }
    },
    [Symbol.dispose]: () => tree.close(),
  }
}
