import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { O_TMPFILE } from '../host/index.js'

type Output = 'stdout' | 'stderr'

interface Segment {
  readonly file: number
  written: number
  read: number
}

const segmentBytes = 16 * 1024 * 1024
const headBytes = 5

/** Output that somebody has not taken yet: in files without a name, which are given back as they are read. */
export class Spill {
  readonly #directory: string
  readonly #segments: Segment[] = []

  constructor(directory: string) {
    this.#directory = directory
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0
  }

  /** @throws the system's error when there is no room */
  write(stream: Output, chunk: Buffer): void {
    const segment = this.#lastWithRoom()
    const head = Buffer.alloc(headBytes)
    head[0] = stream === 'stdout' ? 1 : 2
    head.writeUInt32BE(chunk.length, 1)
    for (const bytes of [head, chunk]) {
      writeAll(segment.file, bytes, segment.written)
      segment.written += bytes.length
    }
  }

  /** What was written first; undefined: nothing is left. */
  read(): [Output, Buffer] | undefined {
    const [segment] = this.#segments
    if (!segment) return undefined
    const head = readAll(segment.file, headBytes, segment.read)
    const chunk = readAll(segment.file, head.readUInt32BE(1), segment.read + headBytes)
    segment.read += headBytes + chunk.length
    if (segment.read === segment.written) {
      this.#segments.shift()
      closeSync(segment.file)
    }
    return [head[0] === 1 ? 'stdout' : 'stderr', chunk]
  }

  close(): void {
    for (const { file } of this.#segments.splice(0)) closeSync(file)
  }

  #lastWithRoom(): Segment {
    const last = this.#segments.at(-1)
    if (last && last.written < segmentBytes) return last
    const segment = { file: openSync(this.#directory, O_TMPFILE | constants.O_RDWR, 0o600), written: 0, read: 0 }
    this.#segments.push(segment)
    return segment
  }
}

function writeAll(file: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at)
}

function readAll(file: number, length: number, position: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; ) at += readSync(file, bytes, at, length - at, position + at)
  return bytes
}
