import type { ImageLayer } from '../image/index.js'

/** All files that a stage has at one of its lines. */
export interface Filesystem {
  /** What it came of: two with the same key have the same files. */
  readonly key: string
  /** Bottom first. */
  readonly layers: readonly ImageLayer[]
}

/** The one without files. */
export const scratch: Filesystem = { key: '', layers: [] }

/** That of an image: what its layers are says all of it. */
export function filesystemOf(layers: readonly ImageLayer[]): Filesystem {
  return { key: layers.at(-1)?.chainId ?? '', layers }
}
