import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { DigestMismatchError } from '../errors/index.js'
import { native } from '../host/index.js'
import { decompress } from './compression.js'
import { Extractor } from './extractor.js'
import type { ExtractRequest, ExtractResult } from './layer-jobs.js'
import { TarReader } from './tar-reader.js'

/** Decompresses, hashes, parses and writes a layer in one pass; `checkpoint` throws when the job is aborted. */
export async function extractJob(
  request: ExtractRequest,
  received: AsyncIterable<Uint8Array>,
  checkpoint: () => void,
): Promise<ExtractResult> {
  const { path, target, format, limits } = request
  const hash = createHash('sha256')
  const extractor = new Extractor(native(), target, format)
  try {
    const reader = new TarReader(extractor, limits)
    for await (const chunk of decompress(path === undefined ? received : readChunks(path))) {
      checkpoint()
      hash.update(chunk)
      reader.push(chunk)
    }
    const diffId = `sha256:${hash.digest('hex')}`
    verifyDiffId(request, diffId)
    reader.finish(request.diffId !== undefined)
    extractor.finish()
    return { diffId, size: extractor.bytes, entries: extractor.entries }
  } finally {
    extractor.close()
  }
}

// One buffer for all chunks would be faster still, but the decompressor reads ahead.
async function* readChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  const fd = openSync(path, 'r')
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafeSlow(256 * 1024)
      const length = readSync(fd, chunk)
      if (length === 0) return
      yield chunk.subarray(0, length)
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
