import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { invalidLayer } from './layer-errors.js'
import type { PackEntry, PackRequest, PackResult } from './layer-jobs.js'
import { encodeName } from './names.js'
import { tarEnd, tarHeader, tarPadding } from './tar-writer.js'

const bufferBytes = 256 * 1024

/** Writes a tar of the entries, hashing on the way. After a failure the file is gone again. */
export function packJob({ entries, path }: PackRequest, checkpoint: () => void): PackResult {
  const fd = openSync(path, 'wx', 0o644)
  try {
    const output = new HashedFile(fd)
    for (const entry of entries) {
      checkpoint()
      packEntry(entry, output, checkpoint)
    }
    output.write(tarEnd)
    return output.finish()
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(fd)
  }
}

/** Small writes are gathered, so that many small entries cost few system calls. */
class HashedFile {
  readonly #fd: number
  readonly #hash = createHash('sha256')
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #filled = 0
  #size = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  write(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; ) {
      const take = bytes.copy(this.#buffer, this.#filled, done)
      done += take
      this.#advance(take)
    }
  }

  /** Reads up to `length` bytes from a file straight into the output; the number read. */
  readFrom(fd: number, length: number): number {
    const take = readSync(fd, this.#buffer, this.#filled, Math.min(length, bufferBytes - this.#filled), null)
    this.#advance(take)
    return take
  }

  finish(): PackResult {
    this.#flush()
    return { diffId: `sha256:${this.#hash.digest('hex')}`, size: this.#size }
  }

  #advance(bytes: number): void {
    this.#filled += bytes
    this.#size += bytes
    if (this.#filled === bufferBytes) this.#flush()
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#filled)
    this.#hash.update(bytes)
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    this.#filled = 0
  }
}

function packEntry(entry: PackEntry, output: HashedFile, checkpoint: () => void): void {
  if (entry.kind !== 'file' || entry.source === undefined) {
    output.write(tarHeader(entry))
    return
  }
  const fd = openSync(encodeName(entry.source), constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw invalidLayer(`${entry.source} is not a regular file.`, { path: entry.source })
    output.write(tarHeader({ ...entry, size: stat.size }))
    copyPayload(entry.source, fd, stat.size, output, checkpoint)
    output.write(tarPadding(stat.size))
  } finally {
    closeSync(fd)
  }
}

function copyPayload(source: string, fd: number, size: number, output: HashedFile, checkpoint: () => void): void {
  for (let left = size; left > 0; ) {
    checkpoint()
    const read = output.readFrom(fd, left)
    if (read === 0) throw invalidLayer(`${source} became shorter while it was packed.`, { path: source })
    left -= read
  }
}
