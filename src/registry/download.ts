import type { BlobDescriptor } from '../content/content.js'
import { InboardError } from '../errors/index.js'
import { printable, quoted } from '../errors/printable.js'
import { invalidAnswer, mismatch } from './digests.js'
import { failure } from './failures.js'
import { Patience } from './patience.js'
import { askToPull, contentLength, discard, type RepositoryContext } from './repository-request.js'
import type { RegistryResponse } from './transport.js'
import type { RequestOptions } from './types.js'

/** Less than this is no progress: nobody shall keep a download going by the byte. */
const minProgress = 64 * 1024

/**
 * A blob's bytes. When the connection breaks or stalls it goes on where it stopped, as long as that gets on.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs
 */
export async function* downloadBlob(
  repository: RepositoryContext,
  blob: BlobDescriptor,
  { signal }: RequestOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const patience = new Patience(repository.tuning)
  const name = `the blob ${blob.digest} of ${repository.familiar}`
  let done = 0
  // A mirror that breaks off is not asked again.
  for (let mirrored = true; ; mirrored = false) {
    const begun = done
    const response = await requestFrom(repository, blob, done, mirrored, signal)
    let broken: unknown
    try {
      // Of an answer that is the whole, what came before is skipped.
      let skip = verifyHead(response, blob, done, name)
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - fresh.length
        if (fresh.length === 0) continue
        if (done + fresh.length > blob.size) throw mismatch(name, 'size', blob.size, `more than ${blob.size}`)
        done += fresh.length
        yield fresh
      }
      broken = new Error(`it ended after ${done} of ${blob.size} bytes`)
    } catch (error) {
      if (error instanceof InboardError && !error.retryable) throw error
      broken = error
    } finally {
      discard(response)
    }
    signal?.throwIfAborted()
    if (done === blob.size) return
    await patience.after(broken, `the download of ${name}`, done - begun >= minProgress, signal)
  }
}

async function requestFrom(
  repository: RepositoryContext,
  { digest, size }: BlobDescriptor,
  offset: number,
  mirrored: boolean,
  signal: AbortSignal | undefined,
): Promise<RegistryResponse> {
  const range: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {}
  const response = await askToPull(repository, {
    method: 'GET',
    path: `/v2/${repository.path}/blobs/${digest}`,
    // A compressed transfer would have another length, and be another blob.
    headers: { 'accept-encoding': 'identity', ...range },
    mirrored,
    signal,
  })
  if (response.status === 200 || response.status === 206) return response
  const error = await failure(response, `${repository.familiar}@${digest}`)
  throw response.status === 416 ? mismatch(`the blob ${digest}`, 'size', size, `no more than ${offset}`) : error
}

/**
 * Verifies that the answer can be the rest of the blob from `offset` on.
 *
 * @returns how many of its bytes come before that
 */
function verifyHead(response: RegistryResponse, { size }: BlobDescriptor, offset: number, name: string): number {
  const isPart = response.status === 206
  if (isPart) verifyRange(response.headers['content-range'] ?? '', size, offset, name)
  const begin = isPart ? offset : 0
  const length = contentLength(response)
  if (length !== undefined && length !== size - begin) throw mismatch(name, 'size', size, length + begin)
  return offset - begin
}

function verifyRange(range: string, size: number, offset: number, name: string): void {
  const [, begin, end, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range) ?? []
  const isTotal = total === '*' || Number(total) === size
  if (offset > 0 && Number(begin) === offset && Number(end) === size - 1 && isTotal) return
  const asked = offset > 0 ? `bytes ${offset} to ${size - 1}` : 'the whole'
  throw invalidAnswer(`the registry was asked for ${asked} of ${name}, and sent the range ${quoted(range)}`, name, {
    range: printable(range, 200),
  })
}
