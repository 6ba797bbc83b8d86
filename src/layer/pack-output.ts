import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import type { PackResult } from './layer-jobs.js'
import { tarEnd } from './tar-writer.js'

const bufferBytes = 256 * 1024

/** Makes an archive at a path, hashing on the way. After a failure the file is gone again. */
export function packFile(path: string, pack: (output: PackOutput) => void): PackResult {
  const fd = openSync(path, 'wx', 0o600)
  try {
    const output = new PackOutput(fd, true)
    pack(output)
    return output.finish()
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(fd)
  }
}

/** Where the bytes of an archive go. */
export interface PackSink {
  write(bytes: Buffer): void
  /** Takes up to `length` bytes of a file, from its position or a given one; how many, 0 at its end. */
  readFrom(fd: number, length: number, position?: number | null): number
  writeZeros(length: number): void
}

/** An archive on its way into a descriptor. Small writes are gathered, so that many small entries cost few system calls. */
export class PackOutput implements PackSink {
  readonly #fd: number
  readonly #hash: Hash | undefined
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #filled = 0
  #size = 0

  /** @param isHashed whether {@link finish} is to tell the digest */
  constructor(fd: number, isHashed: boolean) {
    this.#fd = fd
    this.#hash = isHashed ? createHash('sha256') : undefined
  }

  write(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; ) {
      const take = bytes.copy(this.#buffer, this.#filled, done)
      done += take
      this.#advance(take)
    }
  }

  /** Reads up to `length` bytes of a file straight into the output, from its position or a given one; the number read. */
  readFrom(fd: number, length: number, position: number | null = null): number {
    const take = readSync(fd, this.#buffer, this.#filled, Math.min(length, bufferBytes - this.#filled), position)
    this.#advance(take)
    return take
  }

  writeZeros(length: number): void {
    for (let left = length; left > 0; ) {
      const take = Math.min(left, bufferBytes - this.#filled)
      this.#buffer.fill(0, this.#filled, this.#filled + take)
      left -= take
      this.#advance(take)
    }
  }

  finish(): PackResult {
    this.write(tarEnd)
    this.#flush()
    return { diffId: this.#hash === undefined ? '' : `sha256:${this.#hash.digest('hex')}`, size: this.#size }
  }

  #advance(bytes: number): void {
    this.#filled += bytes
    this.#size += bytes
    if (this.#filled === bufferBytes) this.#flush()
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#filled)
    this.#hash?.update(bytes)
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    this.#filled = 0
  }
}
