import { read as readCallback } from 'node:fs'
import { promisify } from 'node:util'

const read = promisify(readCallback)

/** Large reads: with Node's default of 64 KiB the calls cost more than the bytes. */
export const chunkBytes = 512 * 1024

export interface FileRange {
  /** Default: 0. */
  readonly offset?: number
  /** Default: to the end of the file. */
  readonly length?: number
}

/** The bytes of an open file, or of a part of it, in large chunks that belong to the reader; the next one is read ahead. */
export async function* fileBytes(
  descriptor: number,
  { offset = 0, length = Number.POSITIVE_INFINITY }: FileRange = {},
): AsyncGenerator<Buffer, void, undefined> {
  const end = offset + length
  let next = readChunk(descriptor, offset, end)
  try {
    for (let at = offset; ; ) {
      const chunk = await next
      if (chunk.length === 0) return
      at += chunk.length
      next = readChunk(descriptor, at, end)
      yield chunk
    }
  } finally {
    // The descriptor is the caller's again, and may be closed.
    await next.catch(() => {})
  }
}

async function readChunk(descriptor: number, at: number, end: number): Promise<Buffer> {
  const length = Math.min(chunkBytes, end - at)
  if (length === 0) return Buffer.alloc(0)
  const { bytesRead, buffer } = await read(descriptor, Buffer.allocUnsafeSlow(length), 0, length, at)
  return buffer.subarray(0, bytesRead)
}
