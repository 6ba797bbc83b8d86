import type { ImageSummary } from './list.js'

/** What the images of a root take. */
export interface ImageUsage {
  /** Bytes of the files of all images' layers, each layer once. */
  readonly layersSize: number
  /** Bytes of the blobs that images came with, compressed or not. */
  readonly contentSize: number
  /** Without intermediate images. */
  readonly images: readonly ImageSummary[]
}
