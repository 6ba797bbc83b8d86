import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ByteReader } from './byte-reader.js'
import { Expansion } from './expansion.js'
import { invalidLayer, isErrno } from './layer-errors.js'
import type { TarLimits } from './tar-entry.js'
import { unzstd } from './zstd.js'

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz' | 'bzip2'

/**
 * Node's default of 16 KiB halves the speed of inflating. With a mark above the chunk's size the thread pool inflates a chunk while
 * its predecessor is read here.
 */
const inflateOptions = { chunkSize: 512 * 1024, highWaterMark: 2 * 1024 * 1024 }

/** The bytes that {@link detectCompression} wants to see. */
const magicBytes = 6

/**
 * How a blob is compressed, by its first bytes.
 *
 * @throws LayerError LAYER_INVALID for lz4, which nothing has that Docker reads
 */
function detectCompression(head: Uint8Array): Compression {
  const hex = Buffer.from(head.subarray(0, magicBytes)).toString('hex')
  if (hex.startsWith('1f8b')) return 'gzip'
  if (hex.startsWith('28b52ffd') || /^5.2a4d18/.test(hex)) return 'zstd'
  if (hex === 'fd377a585a00') return 'xz'
  if (hex.startsWith('425a68')) return 'bzip2'
  if (hex.startsWith('04224d18')) throw unsupported('lz4')
  return 'none'
}

function unsupported(compression: string): Error {
  const message = `The archive is compressed with ${compression}, which is not supported: recompress it with gzip or zstd.`
  return invalidLayer(message, { compression })
}

/**
 * The decompressed bytes of a gzip, zstd, xz, bzip2 or plain archive, told apart by its first bytes; all gzip members, all zstd frames,
 * all xz and bzip2 streams. Of the limits `maxRatio` and `ratioFloorBytes` count here.
 *
 * @throws LayerError LAYER_INVALID when the compressed data is corrupt, truncated or of an unsupported kind; LAYER_TOO_LARGE
 */
export function decompress(
  source: AsyncIterable<Uint8Array>,
  limits: TarLimits = {},
): AsyncGenerator<Buffer, void, undefined> {
  return decompressAny(source, limits, async (bytes, compression) =>
    compression === 'xz' ? (await import('./xz.js')).unxz(bytes) : (await import('./bzip2.js')).unbzip2(bytes),
  )
}

/** As {@link decompress}, for layers, which are never compressed with xz or bzip2. */
export function decompressLayer(
  source: AsyncIterable<Uint8Array>,
  limits: TarLimits,
): AsyncGenerator<Buffer, void, undefined> {
  return decompressAny(source, limits, async (_, compression) => {
    throw unsupported(compression)
  })
}

/** What only plain archives are compressed with. */
type ExpandRare = (source: AsyncIterable<Buffer>, compression: 'xz' | 'bzip2') => Promise<AsyncIterable<Buffer>>

async function* decompressAny(
  source: AsyncIterable<Uint8Array>,
  limits: TarLimits,
  expandRare: ExpandRare,
): AsyncGenerator<Buffer, void, undefined> {
  const expansion = new Expansion(limits)
  const reader = new ByteReader(expansion.compressed(source))
  try {
    const compression = detectCompression(await reader.peek(magicBytes))
    if (compression === 'none') yield* reader.rest()
    else yield* expansion.expanded(await expand(compression, reader, expandRare))
  } finally {
    await reader.close()
  }
}

async function expand(
  compression: Exclude<Compression, 'none'>,
  reader: ByteReader,
  expandRare: ExpandRare,
): Promise<AsyncIterable<Buffer>> {
  if (compression === 'gzip') return gunzip(reader.rest())
  if (compression === 'zstd') return unzstd(reader)
  return expandRare(reader.rest(), compression)
}

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const inflate = createGunzip(inflateOptions)
  // The error reaches the loop below, because the pipeline destroys `inflate` with it.
  pipeline(Readable.from(source), inflate, () => {})
  try {
    yield* inflate as AsyncIterable<Buffer>
  } catch (error) {
    if (!isErrno(error, 'Z_BUF_ERROR', 'Z_DATA_ERROR', 'Z_STREAM_ERROR', 'Z_NEED_DICT')) throw error
    throw invalidLayer(`The archive's gzip data is corrupt or truncated: ${error.message}`)
  }
}
