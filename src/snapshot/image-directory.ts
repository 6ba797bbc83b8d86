import { native, S_IFDIR, S_IFMT, type Time } from '../host/index.js'
import { type LayerFormat, smallExtent, type TreeSource } from '../layer/index.js'
import { MergedTree } from './merged-tree.js'

/** What an image has at a path, symlinks resolved within the image. */
export type ImagePlace =
  | ({ readonly kind: 'directory' } & ImageDirectory)
  /** A file of any other kind. */
  | { readonly kind: 'other' }

/** A directory of an image, to be copied. */
export interface ImageDirectory {
  /** The layers that have it, those that show: the topmost has the directory's own attributes. */
  readonly source: TreeSource
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Time
  readonly isEmpty: boolean
  /** It is copied in less time than a thread is started in. */
  readonly isSmall: boolean
}

/** @param layers roots, top first */
export function findImagePlace(layers: readonly string[], format: LayerFormat, path: string): ImagePlace | undefined {
  const tree = new MergedTree(native(), layers)
  try {
    const found = tree.lookup(path)
    if (found === undefined) return undefined
    const { mode, uid, gid, mtime } = found.stat
    if ((mode & S_IFMT) !== S_IFDIR) return { kind: 'other' }
    const source: TreeSource = {
      layers: found.layers.map((layer) => layers[layer] as string),
      format,
      path: found.path,
    }
    const extent = smallExtent(source)
    const size = { isEmpty: extent?.entries === 0, isSmall: extent !== undefined }
    return { kind: 'directory', source, mode: mode & 0o7777, uid, gid, mtime, ...size }
  } finally {
    tree.close()
  }
}
