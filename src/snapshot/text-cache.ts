import { native } from '../host/index.js'
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

/** Small files of images, which never change. */
export class TextCache {
  readonly #texts = new Map<string, string | undefined>()

  get(chain: readonly string[], path: string, read: () => string | undefined): string | undefined {
    const key = `${chain[0] ?? ''} ${path}`
    if (this.#texts.has(key)) return this.#texts.get(key)
    const text = read()
    if ((text?.length ?? 0) <= maxCachedBytes) this.#texts.set(key, text)
    if (this.#texts.size > 256) this.#texts.delete(this.#texts.keys().next().value as string)
    return text
  }

  clear(): void {
    this.#texts.clear()
  }
}
