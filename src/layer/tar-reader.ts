import { invalidLayer, layerTooLarge } from './layer-errors.js'
import { decodeName } from './names.js'
import { type PaxRecord, parsePax } from './pax.js'
import {
  parseGnuSparse,
  parseGnuSparseExtension,
  parsePaxSparse,
  parseSparseMap,
  type Segment,
  verifySegments,
} from './sparse.js'
import { blockSize, defaultLimits, maxExtensionBytes, type TarEntry, type TarLimits } from './tar-entry.js'
import { type Extensions, noExtensions, resolveEntry } from './tar-extensions.js'
import { isZeroBlock, parseHeader, type RawHeader } from './tar-header.js'

/** What a {@link TarReader} calls, in the archive's order: `entry`, then for files any number of `data`, then `end`. */
export interface TarHandler {
  entry(entry: TarEntry): void
  /** Bytes of the file at `position`; valid only during the call. Holes of sparse files are not reported. */
  data(bytes: Buffer, position: number): void
  end(): void
}

/**
 * A synchronous push parser for tar archives: V7, ustar, GNU, star and PAX, with every sparse format. Feed it with
 * {@link push}, then call {@link finish}. It buffers at most one extended header (1 MiB), never a payload.
 *
 * @throws LayerError LAYER_INVALID for what is not a well-formed archive, LAYER_TOO_LARGE beyond the limits
 */
export class TarReader {
  readonly #handler: TarHandler
  readonly #maxEntries: number
  readonly #maxBytes: number
  readonly #maxFileBytes: number
  #entries = 0
  #bytes = 0
  /** The unit that is collected next, and the state that reads it. */
  #wanted = blockSize
  #read: (unit: Buffer) => void = this.#readHeader
  #partial: Buffer[] = []
  #partialBytes = 0
  #padding = 0
  #extensions: Extensions = noExtensions
  #segments: readonly Segment[] = []
  #segment = 0
  #segmentDone = 0
  #payload = 0
  #zeroBlocks = 0
  #ended = false

  constructor(handler: TarHandler, limits: TarLimits = {}) {
    this.#handler = handler
    this.#maxEntries = limits.maxEntries ?? defaultLimits.maxEntries
    this.#maxBytes = limits.maxBytes ?? defaultLimits.maxBytes
    this.#maxFileBytes = limits.maxFileBytes ?? defaultLimits.maxFileBytes
  }

  /** Whether the end-of-archive marker was seen. */
  get ended(): boolean {
    return this.#ended
  }

  push(chunk: Buffer): void {
    let at = 0
    // What follows the end marker is padding to the tape's record size, or rubbish: ignored by every tar.
    while (at < chunk.length && !this.#ended) {
      if (this.#payload > 0) at = this.#takePayload(chunk, at)
      else if (this.#padding > 0) at = this.#skipPadding(chunk, at)
      else at = this.#collect(chunk, at)
    }
  }

  /**
   * Says that no more bytes come. An archive that stops in the middle of an entry is refused; so is one that lacks its
   * end marker, unless `tolerateMissingEnd`: then it may end with an entry, or in what pads its last one. Docker accepts such
   * archives, and its client makes some.
   */
  finish(tolerateMissingEnd = false): void {
    if (this.#ended) return
    const betweenEntries = this.#read === this.#readHeader && this.#extensions === noExtensions
    const whole = this.#payload === 0 && this.#partialBytes === 0
    const isPadded = this.#padding === 0 && this.#zeroBlocks > 0
    if (betweenEntries && whole && (isPadded || tolerateMissingEnd)) return
    throw invalidLayer('The archive is truncated: it ends before its end-of-archive marker.')
  }

  /**
   * Takes bytes of a file's content, at most `length`, that another one hands on to who handles them.
   *
   * @param handOn is told how many are wanted; how many were handed on
   */
  take(length: number, handOn: (wanted: number) => number): number {
    const segment = this.#segments[this.#segment]
    const taken = segment ? handOn(Math.min(length, segment.length - this.#segmentDone)) : 0
    this.#advance(taken)
    return taken
  }

  #takePayload(chunk: Buffer, at: number): number {
    const { offset, length } = this.#segments[this.#segment] as Segment
    const take = Math.min(length - this.#segmentDone, chunk.length - at)
    this.#handler.data(take === chunk.length ? chunk : chunk.subarray(at, at + take), offset + this.#segmentDone)
    this.#advance(take)
    return at + take
  }

  #advance(taken: number): void {
    if (taken === 0) return
    this.#segmentDone += taken
    this.#payload -= taken
    if (this.#segmentDone === this.#segments[this.#segment]?.length) this.#nextSegment()
    if (this.#payload === 0) this.#handler.end()
  }

  #nextSegment(): void {
    this.#segmentDone = 0
    do this.#segment++
    while (this.#segment < this.#segments.length && this.#segments[this.#segment]?.length === 0)
  }

  #skipPadding(chunk: Buffer, at: number): number {
    const skip = Math.min(this.#padding, chunk.length - at)
    this.#padding -= skip
    return at + skip
  }

  #collect(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#wanted - this.#partialBytes, chunk.length)
    const piece = chunk.subarray(at, end)
    if (this.#partialBytes + piece.length < this.#wanted) {
      // A copy, because the chunk's memory belongs to the caller after push().
      this.#partial.push(Buffer.from(piece))
      this.#partialBytes += piece.length
      return end
    }
    const unit = this.#partialBytes === 0 ? piece : Buffer.concat([...this.#partial, piece])
    this.#partial = []
    this.#partialBytes = 0
    this.#read(unit)
    return end
  }

  #expect(wanted: number, read: (unit: Buffer) => void): void {
    this.#wanted = wanted
    this.#read = read
  }

  #readHeader(block: Buffer): void {
    if (isZeroBlock(block)) {
      if (this.#extensions !== noExtensions) throw invalidLayer('The archive ends after an extended header.')
      this.#zeroBlocks++
      this.#ended = this.#zeroBlocks === 2
      return
    }
    if (this.#zeroBlocks > 0) throw invalidLayer('The archive goes on after a block of zeros.')
    if (++this.#entries > this.#maxEntries) {
      throw layerTooLarge(`The archive has more than ${this.#maxEntries} entries.`, { maxEntries: this.#maxEntries })
    }
    const header = parseHeader(block)
    if ('xgLK'.includes(header.type)) this.#beginExtension(header)
    else this.#beginEntry(header, block)
  }

  #beginExtension({ type, size }: RawHeader): void {
    if (size > maxExtensionBytes) throw layerTooLarge(`The archive has an extended header of ${size} bytes.`, { size })
    if (size > 0) this.#expect(size, (data) => this.#readExtension(type, data))
    else this.#readExtension(type, Buffer.alloc(0))
  }

  #readExtension(type: string, data: Buffer): void {
    this.#padding = paddingOf(data.length)
    this.#expect(blockSize, this.#readHeader)
    // Names may be followed by NULs.
    const name = () => decodeName(data.subarray(0, data.indexOf(0) < 0 ? data.length : data.indexOf(0)))
    if (type === 'L') this.#extensions = { ...this.#extensions, longName: name() }
    else if (type === 'K') this.#extensions = { ...this.#extensions, longLink: name() }
    // The records outlive this chunk.
    else if (type === 'x') this.#extensions = { ...this.#extensions, records: parsePax(Buffer.from(data)) }
    // Global records are checked but not applied, as Docker does.
    else parsePax(data)
  }

  #beginEntry(header: RawHeader, block: Buffer): void {
    const { records } = this.#extensions
    const { entry, storedBytes } = resolveEntry(header, this.#extensions)
    this.#extensions = noExtensions
    this.#bytes += storedBytes
    if (this.#bytes > this.#maxBytes) {
      throw layerTooLarge(`The archive holds more than ${this.#maxBytes} bytes of files.`, { maxBytes: this.#maxBytes })
    }
    const version = records.findLast(({ key }) => key === 'GNU.sparse.major')?.value.toString('latin1')
    if (header.type === 'S') this.#beginGnuSparse(entry, storedBytes, block)
    else if (entry.kind === 'file' && version === '1') this.#beginMappedSparse(entry, storedBytes)
    else this.#beginPayload(entry, segmentsOf(entry, records, storedBytes), storedBytes, storedBytes)
  }

  #beginGnuSparse(entry: TarEntry, storedBytes: number, block: Buffer): void {
    const { segments, size, more } = parseGnuSparse(block)
    const sparse = { ...entry, size }
    const readMore = (extension: Buffer) => {
      const next = parseGnuSparseExtension(extension)
      segments.push(...next.segments)
      if (segments.length * 24 > maxExtensionBytes)
        throw layerTooLarge('The archive has a sparse map that is too long.')
      if (next.more) return
      this.#expect(blockSize, this.#readHeader)
      this.#beginPayload(sparse, segments, storedBytes, storedBytes)
    }
    if (more) this.#expect(blockSize, readMore)
    else this.#beginPayload(sparse, segments, storedBytes, storedBytes)
  }

  #beginMappedSparse(entry: TarEntry, storedBytes: number): void {
    const blocks: Buffer[] = []
    let lines = 0
    const readMap = (block: Buffer) => {
      blocks.push(Buffer.from(block))
      lines += block.toString('latin1').split('\n').length - 1
      const mapBytes = blocks.length * blockSize
      if (mapBytes > Math.min(maxExtensionBytes, storedBytes))
        throw invalidLayer('The archive has a malformed sparse map.')
      const announced = Number.parseInt((blocks[0] as Buffer).toString('latin1', 0, 20), 10)
      if (lines < announced * 2 + 1) return
      const segments = parseSparseMap(Buffer.concat(blocks))
      if (segments === undefined) throw invalidLayer('The archive has a malformed sparse map.')
      this.#expect(blockSize, this.#readHeader)
      this.#beginPayload(entry, segments, storedBytes - mapBytes, storedBytes)
    }
    if (storedBytes < blockSize) throw invalidLayer('The archive has a malformed sparse map.')
    this.#expect(blockSize, readMap)
  }

  #beginPayload(entry: TarEntry, segments: readonly Segment[], payload: number, storedBytes: number): void {
    if (entry.size > this.#maxFileBytes) {
      throw layerTooLarge(`The archive has a file of ${entry.size} bytes.`, {
        entry: entry.name,
        maxFileBytes: this.#maxFileBytes,
      })
    }
    if (entry.kind === 'file') verifySegments(segments, payload, entry.size)
    this.#handler.entry(entry)
    this.#segments = segments
    this.#segment = -1
    this.#nextSegment()
    this.#payload = payload
    this.#padding = paddingOf(storedBytes)
    if (payload === 0 && entry.kind === 'file') this.#handler.end()
  }
}

function segmentsOf(entry: TarEntry, records: readonly PaxRecord[], storedBytes: number): readonly Segment[] {
  const sparse = entry.kind === 'file' ? parsePaxSparse(records) : undefined
  return sparse ?? [{ offset: 0, length: storedBytes }]
}

function paddingOf(bytes: number): number {
  return (blockSize - (bytes % blockSize)) % blockSize
}
