import type { BlobDescriptor, IngestOptions } from '../../content/content.js'
import type { Digest } from '../../content/digest.js'

/** How a file of an archive becomes a blob. */
export interface IngestFileOptions extends Pick<IngestOptions, 'follow' | 'signal'> {
  /** What the file must be. */
  readonly expected?: Partial<BlobDescriptor>
  /** The digest it has unless it is compressed: what is there already need not be read. */
  readonly diffId?: Digest
}

/** The files of an image archive, whatever holds them. Names are cleaned: relative, no `.`, `..` or empty components. */
export interface Archive {
  has(name: string): boolean
  /** A small document. @throws {InvalidOptionError} `INVALID_ARCHIVE` when it is missing or longer than `maxBytes` */
  read(name: string, maxBytes: number): Promise<Buffer>
  /** Makes the file a blob of the content store. @throws {DigestMismatchError} when it is not what is expected */
  ingest(name: string, options?: IngestFileOptions): Promise<BlobDescriptor>
  close(): void
}
