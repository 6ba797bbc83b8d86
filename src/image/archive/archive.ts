import type { BlobDescriptor } from '../../content/content.js'

/** The files of an image archive, whatever holds them. Names are cleaned: relative, no `.`, `..` or empty components. */
export interface Archive {
  has(name: string): boolean
  /** A small document. @throws {InvalidOptionError} `INVALID_ARCHIVE` when it is missing or longer than `maxBytes` */
  read(name: string, maxBytes: number): Promise<Buffer>
  /** Makes the file a blob of the content store. @throws {DigestMismatchError} when it is not what is expected */
  ingest(name: string, expected?: Partial<BlobDescriptor>): Promise<BlobDescriptor>
  close(): void
}
