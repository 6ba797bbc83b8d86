import { pipeline, Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { InboardError } from '../errors/index.js'
import type { ByteReader } from './byte-reader.js'
import { invalidLayer, layerTooLarge } from './layer-errors.js'

const frameMagic = 0xfd2fb528
/** zstd(1)'s own default bound on the memory that a frame may ask for. */
const maxWindowBytes = 128 * 1024 * 1024
const maxBlockBytes = 128 * 1024

/**
 * All frames of a zstd blob, decompressed; skippable frames (as zstd:chunked layers have) are left out. The frames are
 * told apart here because Node's own decoder stops after the first, and fzstd trusts the window size it reads.
 * @see RFC 8878
 */
export async function* unzstd(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const decode = (await nativeDecoder()) ?? (await portableDecoder())
  for (;;) {
    const magic = await reader.peek(4)
    if (magic.length === 0) return
    if (magic.length < 4) throw corrupt('it is truncated')
    if (magic.readUInt32LE() === frameMagic) yield* decode(frameBytes(reader))
    else await skipFrame(reader, magic.readUInt32LE())
  }
}

type Decode = (frame: AsyncIterable<Buffer>) => AsyncGenerator<Buffer, void, undefined>

async function* frameBytes(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const { length, hasChecksum } = parseFrameHeader(await reader.peek(18))
  yield await exactly(reader, length)
  for (let last = false; !last; ) {
    const header = await reader.peek(3)
    if (header.length < 3) throw corrupt('it is truncated')
    const bits = header.readUIntLE(0, 3)
    const kind = (bits >> 1) & 3
    const size = bits >> 3
    if (kind === 3 || (size > maxBlockBytes && kind !== 1)) throw corrupt('a block is malformed')
    last = (bits & 1) === 1
    yield await exactly(reader, 3 + (kind === 1 ? 1 : size))
  }
  if (hasChecksum) yield await exactly(reader, 4)
}

function parseFrameHeader(head: Buffer): { length: number; hasChecksum: boolean; window: number } {
  if (head.length < 6) throw corrupt('it is truncated')
  const descriptor = head[4] as number
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number
  const sizeFlag = descriptor >> 6
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes
  if (head.length < sizeAt + sizeBytes) throw corrupt('it is truncated')
  const window = isSingleSegment ? contentSize(head, sizeAt, sizeBytes) : windowSize(head[5] as number)
  if (window > maxWindowBytes)
    throw layerTooLarge(`The archive's zstd data needs a window of ${window} bytes.`, { window })
  return { length: sizeAt + sizeBytes, hasChecksum: (descriptor & 4) !== 0, window }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

function contentSize(head: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(head.readBigUInt64LE(at))
  return head.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0)
}

async function skipFrame(reader: ByteReader, magic: number): Promise<void> {
  if (magic >>> 4 !== 0x184d2a5) throw corrupt('it goes on with something else')
  const header = await exactly(reader, 8)
  for (let left = header.readUInt32LE(4); left > 0; ) left -= (await exactly(reader, Math.min(left, 65536))).length
}

async function exactly(reader: ByteReader, length: number): Promise<Buffer> {
  const bytes = await reader.take(length)
  if (bytes.length < length) throw corrupt('it is truncated')
  return bytes
}

/** Node's decoder, from 22.15 on. */
async function nativeDecoder(): Promise<Decode | undefined> {
  const create = (zlib as { createZstdDecompress?: (options: object) => NodeJS.ReadWriteStream }).createZstdDecompress
  if (create === undefined) return undefined
  return async function* (frame) {
    const decoder = create({ chunkSize: 256 * 1024 })
    pipeline(Readable.from(frame), decoder, () => {})
    try {
      yield* decoder as unknown as AsyncIterable<Buffer>
    } catch (error) {
      throw error instanceof InboardError ? error : corrupt((error as Error).message)
    }
  }
}

async function portableDecoder(): Promise<Decode> {
  const { Decompress } = await import('fzstd')
  const effort = new Effort()
  return async function* (frame) {
    const output: Buffer[] = []
    let window: number | undefined
    const decoder = new Decompress((bytes) => {
      effort.spend(window ?? 0, bytes.length)
      // A copy: the decoder goes on to use its buffer.
      if (bytes.length > 0) output.push(Buffer.from(bytes))
    })
    const push = (bytes: Buffer, isLast: boolean) => {
      try {
        decoder.push(bytes, isLast)
      } catch (error) {
        throw error instanceof InboardError ? error : corrupt((error as Error).message)
      }
      return output.splice(0)
    }
    // In two pieces, which it joins and then forgets; of pieces that hold whole blocks it forgets none until the frame ends.
    for await (const bytes of frame) {
      window ??= parseFrameHeader(bytes).window
      yield* push(bytes.subarray(0, 3), false)
      yield* push(bytes.subarray(3), false)
    }
    yield* push(Buffer.alloc(0), true)
  }
}

/** For each block fzstd moves its whole window: thousands of tiny blocks with a huge window would keep a core busy for hours. */
class Effort {
  #moved = 0
  #made = 0

  spend(moved: number, made: number): void {
    this.#moved += moved
    this.#made += made
    // The largest window with blocks of the usual length takes a quarter of this.
    if (this.#moved <= 2 ** 34 || this.#moved <= this.#made * 4096) return
    throw layerTooLarge("The archive's zstd data has blocks that are far too small for its window.")
  }
}

function corrupt(why: string): Error {
  return invalidLayer(`The archive's zstd data is corrupt or truncated: ${why}.`)
}
