import { readSync } from 'node:fs'
import { native } from '../host/index.js'
import { extractorAt } from './extract-plain-job.js'
import type { PackSink } from './pack-output.js'
import { packPlainTo } from './pack-plain-job.js'
import type { PlainExtractor } from './plain-extractor.js'
import type { CopyPlainRequest, ExtractPlainResult } from './plain-jobs.js'
import { TarReader } from './tar-reader.js'
import { tarEnd } from './tar-writer.js'

/**
 * Packs and extracts in one: the rules of both hold, entry by entry, and only the archive's headers are ever made. What files
 * contain is copied by the kernel, which shares it where the filesystem can.
 */
export function copyPlainJob(
  { from, to: { root, path, limits, ...rules } }: CopyPlainRequest,
  checkpoint: () => void,
): ExtractPlainResult {
  const extractor = extractorAt(root, path, rules)
  try {
    const reader = new TarReader(extractor, limits)
    packPlainTo(from, new CopySink(reader, extractor), checkpoint)
    reader.push(tarEnd)
    reader.finish()
    extractor.finish()
    return { entries: extractor.entries, size: extractor.size }
  } finally {
    extractor.close()
  }
}

/** Below that a file is written by a single call when its content is at hand. */
const smallBytes = 128 * 1024
/** How much is copied before somebody can stop it. */
const stepBytes = 32 * 1024 * 1024

/** What is packed goes straight to who extracts it. */
class CopySink implements PackSink {
  readonly #reader: TarReader
  readonly #extractor: PlainExtractor
  readonly #buffer = Buffer.allocUnsafeSlow(smallBytes)

  constructor(reader: TarReader, extractor: PlainExtractor) {
    this.#reader = reader
    this.#extractor = extractor
  }

  write(bytes: Buffer): void {
    this.#reader.push(bytes)
  }

  readFrom(fd: number, length: number, position: number | null = null): number {
    if (position !== null && length > smallBytes) return this.#copy(fd, length, position)
    const taken = readSync(fd, this.#buffer, 0, Math.min(length, smallBytes), position)
    this.#reader.push(this.#buffer.subarray(0, taken))
    return taken
  }

  writeZeros(length: number): void {
    this.#buffer.fill(0)
    for (let left = length; left > 0; left -= smallBytes)
      this.#reader.push(this.#buffer.subarray(0, Math.min(left, smallBytes)))
  }

  /** Each segment of a file has the place that it had in the original. */
  #copy(fd: number, length: number, position: number): number {
    return this.#reader.take(Math.min(length, stepBytes), (wanted) =>
      this.#extractor.copy((target) => native().copyRange(fd, target, wanted, position), position),
    )
  }
}
