import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { DigestMismatchError } from '../errors/index.js'
import { Growth, native } from '../host/index.js'
import { decompressLayer } from './compression.js'
import { Extractor } from './extractor.js'
import type { ExtractRequest, ExtractResult } from './layer-jobs.js'
import { TarReader } from './tar-reader.js'

/** Decompresses, hashes, parses and writes a layer in one pass; `checkpoint` throws when the job is aborted. */
export async function extractJob(
  request: ExtractRequest,
  received: AsyncIterable<Uint8Array>,
  checkpoint: () => void,
): Promise<ExtractResult> {
  const { path, growth, target, format, limits } = request
  const hash = createHash('sha256')
  const extractor = new Extractor(native(), target, format)
  try {
    const reader = new TarReader(extractor, limits)
    const source = path === undefined ? received : readChunks(path, growth && new Growth(growth), checkpoint)
    for await (const chunk of decompressLayer(source, limits)) {
      checkpoint()
      hash.update(chunk)
      reader.push(chunk)
    }
    const diffId = `sha256:${hash.digest('hex')}`
    verifyDiffId(request, diffId)
    reader.finish(request.diffId !== undefined)
    extractor.finish()
    return { diffId, size: extractor.size, entries: extractor.entries }
  } finally {
    extractor.close()
  }
}

// One buffer for all chunks would be faster still, but the decompressor reads ahead.
export async function* readChunks(
  path: string,
  growth: Growth | undefined,
  checkpoint: () => void,
): AsyncGenerator<Buffer, void, undefined> {
  const fd = openSync(path, 'r')
  try {
    for (let position = 0; ; ) {
      // Asked before it is read: what is written in between is read in the next round.
      const end = growth ? growth.end : 'whole'
      const chunk = Buffer.allocUnsafeSlow(256 * 1024)
      const length = readSync(fd, chunk)
      if (end === 'failed') throw new Error('The layer will never be whole.')
      if (length === 0 && end === 'whole') return
      position += length
      if (length > 0) yield chunk.subarray(0, length)
      else await growth?.beyond(position)
      checkpoint()
    }
  } finally {
    closeSync(fd)
  }
}

function verifyDiffId({ diffId: expected }: ExtractRequest, actual: string): void {
  if (expected === undefined || expected === actual) return
  throw new DigestMismatchError(
    `The layer's content is ${actual}, but the image says ${expected}: the image is corrupt.`,
    {
      code: 'DIGEST_MISMATCH',
      details: { expected, actual },
    },
  )
}
