import type { Content } from '../content/content.js'
import type { Digest } from '../content/digest.js'
import { NotFoundError } from '../errors/index.js'
import type { LayerRow } from '../store/images.js'
import { type FileRange, fileBytes } from './archive/file-bytes.js'
import type { Compression } from './documents/write-manifest.js'

/** The blob that is stored for a layer. @throws {NotFoundError} `CONTENT_NOT_FOUND` */
export function blobOf({ blob, diff_id }: LayerRow): Digest {
  if (blob !== null) return blob as Digest
  throw new NotFoundError(`No such content: the layer ${diff_id} has no blob`, {
    code: 'CONTENT_NOT_FOUND',
    details: { layer: diff_id },
  })
}

/** The bytes of a stored blob, from an offset on. */
export async function* blobBytes(
  content: Content,
  digest: Digest,
  range: FileRange = {},
): AsyncGenerator<Buffer, void, undefined> {
  await using handle = await content.open(digest)
  yield* fileBytes(handle.fd, range)
}

/** How a stored layer is compressed; undefined when no media type says so. */
export async function blobCompression(content: Content, digest: Digest): Promise<Compression | undefined> {
  await using handle = await content.open(digest)
  const magic = Buffer.alloc(6)
  const { bytesRead } = await handle.read(magic, 0, magic.length, 0)
  const hex = magic.toString('hex', 0, bytesRead)
  if (hex.startsWith('1f8b')) return 'gzip'
  if (hex.startsWith('28b52ffd') || /^5.2a4d18/.test(hex)) return 'zstd'
  return /^(fd377a585a00|425a68)/.test(hex) ? undefined : 'none'
}
