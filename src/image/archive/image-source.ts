import type { BlobDescriptor } from '../../content/content.js'
import type { Digest } from '../../content/digest.js'
import type { ImageConfig } from '../documents/config.js'

/** An image found in an archive: its documents, checked, and a way to get its layers. */
export interface ImageSource {
  /** The configuration document's bytes, whose digest is the image's ID. */
  readonly document: Buffer
  readonly config: ImageConfig
  /** Where the format has one. */
  readonly manifest: { readonly digest: Digest; ingest(): Promise<BlobDescriptor> } | undefined
  /** Bottom first, one for each diff id. */
  readonly layers: readonly LayerSource[]
  /** Normalised. */
  readonly references: readonly string[]
}

export interface LayerSource {
  readonly mediaType: string | undefined
  /** Makes the layer a blob. */
  ingest(): Promise<BlobDescriptor>
}
