import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ByteReader } from './byte-reader.js'
import { invalidLayer, isErrno } from './layer-errors.js'
import { unzstd } from './zstd.js'

export type Compression = 'none' | 'gzip' | 'zstd'

/** Node's default of 16 KiB halves the speed of inflating. */
const inflateChunkBytes = 256 * 1024

/** The bytes that {@link detectCompression} wants to see. */
const magicBytes = 6

/**
 * How a blob is compressed, by its first bytes.
 *
 * @throws LayerError LAYER_INVALID for xz, bzip2 and lz4, which no image format has
 */
function detectCompression(head: Uint8Array): Compression {
  const hex = Buffer.from(head.subarray(0, magicBytes)).toString('hex')
  if (hex.startsWith('1f8b')) return 'gzip'
  if (hex.startsWith('28b52ffd') || /^5.2a4d18/.test(hex)) return 'zstd'
  const refused = Object.entries(unsupported).find(([magic]) => hex.startsWith(magic))
  if (refused === undefined) return 'none'
  const [, name] = refused
  throw invalidLayer(
    `The archive is compressed with ${name}, which is not supported: recompress it with gzip or zstd.`,
    {
      compression: name,
    },
  )
}

const unsupported: Readonly<Record<string, string>> = { fd377a585a00: 'xz', '425a68': 'bzip2', '04224d18': 'lz4' }

/**
 * The decompressed bytes of a gzip, zstd or plain blob, told apart by its first bytes; all gzip members, all zstd frames.
 *
 * @throws LayerError LAYER_INVALID when the compressed data is corrupt, truncated or of an unsupported kind
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  const reader = new ByteReader(source)
  try {
    const compression = detectCompression(await reader.peek(magicBytes))
    if (compression === 'gzip') yield* gunzip(reader.rest())
    else if (compression === 'zstd') yield* unzstd(reader)
    else yield* reader.rest()
  } finally {
    await reader.close()
  }
}

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const inflate = createGunzip({ chunkSize: inflateChunkBytes })
  // The error reaches the loop below, because the pipeline destroys `inflate` with it.
  pipeline(Readable.from(source), inflate, () => {})
  try {
    yield* inflate as AsyncIterable<Buffer>
  } catch (error) {
    if (!isErrno(error, 'Z_BUF_ERROR', 'Z_DATA_ERROR', 'Z_STREAM_ERROR', 'Z_NEED_DICT')) throw error
    throw invalidLayer(`The archive's gzip data is corrupt or truncated: ${error.message}`)
  }
}
