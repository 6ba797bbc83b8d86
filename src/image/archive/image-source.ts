import type { BlobDescriptor, IngestOptions } from '../../content/content.js'
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
  /** What progress calls it; its diff id by default. */
  readonly name?: string
  readonly mediaType: string | undefined
  /** Makes the layer a blob. Where that takes long, `follow` gets the file that grows. */
  ingest(options?: Pick<IngestOptions, 'follow' | 'signal'>): Promise<LayerBlob>
}

export interface LayerBlob extends BlobDescriptor {
  /** Where it is not the one that the source announced. */
  readonly mediaType?: string | undefined
}
