import { native } from '../host/index.js'
import { ImageCache } from './image-cache.js'
import { MergedTree } from './merged-tree.js'

const defaultMaxBytes = 16 * 1024 * 1024
const maxCachedBytes = 64 * 1024

/** Reads a text file from a stack of layers, top first. */
export function readLayeredText(
  layers: readonly string[],
  path: string,
  maxBytes = defaultMaxBytes,
): string | undefined {
  const tree = new MergedTree(native(), layers)
  try {
    return tree.readFile(path, maxBytes)?.toString('utf8')
  } finally {
    tree.close()
  }
}

/** Small files of images. */
export class TextCache extends ImageCache<string | undefined> {
  constructor() {
    super((text) => (text?.length ?? 0) <= maxCachedBytes)
  }
}
