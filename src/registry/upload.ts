import type { BlobDescriptor } from '../content/content.js'
import { RegistryError } from '../errors/index.js'
import { hasBlob } from './blobs.js'
import { mismatch } from './digests.js'
import { failure, type RegistryErrorEntry } from './failures.js'
import { Patience } from './patience.js'
import { discard, type RepositoryContext } from './repository-request.js'
import type { UploadOptions } from './types.js'
import {
  beginUpload,
  cancelUpload,
  completeUpload,
  InterruptedUpload,
  sendPart,
  type UploadSession,
  uploadState,
} from './upload-session.js'

/** A blob of up to so many bytes goes with the request that completes the upload. */
const wholeBytes = 1024 * 1024

/** What has arrived of a blob is safe, at most registries, once its chunk is complete. */
const defaultChunkBytes = 64 * 1024 * 1024

/** What is sent at once to a registry whose proxy takes no more. */
const modestChunkBytes = 8 * 1024 * 1024

/** Less than this is no progress: no registry shall keep an upload going by the byte. */
const minProgress = 64 * 1024

type Read = (offset: number) => AsyncIterable<Uint8Array>

/** Uploads a blob; after an interruption it goes on where the registry says it stopped. Leaves no upload behind. */
export async function uploadBlob(
  repository: RepositoryContext,
  blob: BlobDescriptor,
  read: Read,
  options: UploadOptions,
): Promise<void> {
  const upload = new Upload(repository, blob, read, options)
  try {
    await upload.run()
  } catch (error) {
    await upload.cancel()
    options.signal?.throwIfAborted()
    throw error
  }
}

class Upload {
  readonly #repository: RepositoryContext
  readonly #blob: BlobDescriptor
  readonly #read: Read
  readonly #signal: AbortSignal | undefined
  readonly #onProgress: (current: number) => void
  readonly #what: string
  #chunkBytes: number
  #session: UploadSession | undefined
  /** The most that the registry ever had. */
  #most = 0
  #wasInterrupted = false
  #isCompleting = false
  /** Why the blob itself could not be read. */
  #unreadable: { readonly error: unknown } | undefined

  constructor(repository: RepositoryContext, blob: BlobDescriptor, read: Read, options: UploadOptions) {
    this.#repository = repository
    this.#blob = blob
    this.#read = read
    this.#signal = options.signal
    this.#onProgress = options.onProgress ?? (() => {})
    this.#what = `the blob ${blob.digest} of ${repository.familiar}`
    this.#chunkBytes = repository.tuning.chunkBytes ?? defaultChunkBytes
  }

  async run(): Promise<void> {
    const patience = new Patience(this.#repository.tuning)
    for (;;) {
      const before = this.#most
      this.#session ??= await beginUpload(this.#repository, this.#signal)
      try {
        await this.#attempt(this.#session)
        return this.#onProgress(this.#blob.size)
      } catch (error) {
        if (this.#unreadable) throw this.#unreadable.error
        const hasProgressed = this.#most - before >= minProgress
        await patience.after(this.#judge(error), `the upload of ${this.#what}`, hasProgressed, this.#signal)
      }
      // The answer that was lost may have been that all is well.
      if (this.#isCompleting && (await hasBlob(this.#repository, this.#blob.digest, { signal: this.#signal }))) return
      await this.#resume()
    }
  }

  async cancel(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (session) await cancelUpload(this.#repository, session.location)
  }

  async #attempt(begun: UploadSession): Promise<void> {
    const { size } = this.#blob
    this.#isCompleting = false
    const isSentWhole = begun.offset === 0 && size <= Math.min(wholeBytes, this.#chunkBytes)
    let session = begun
    while (!isSentWhole && session.offset < size) session = await this.#sendPart(session)
    const rest: Uint8Array[] = []
    if (isSentWhole && size > 0) for await (const chunk of this.#bytes(0, size)) rest.push(chunk)
    this.#isCompleting = true
    await this.#complete(session, Buffer.concat(rest))
    this.#session = undefined
  }

  async #sendPart(session: UploadSession): Promise<UploadSession> {
    const { offset, minChunkBytes } = session
    const end = Math.min(this.#blob.size, offset + Math.max(this.#chunkBytes, minChunkBytes))
    const isAll = offset === 0 && end === this.#blob.size
    const range = isAll ? undefined : `${offset}-${end - 1}`
    const body = () => this.#bytes(offset, end)
    const next = await sendPart(this.#repository, session, end - offset, range, body, this.#signal)
    this.#session = next
    if (next.offset > end || next.offset - offset < Math.min(end - offset, minProgress))
      throw new InterruptedUpload(`the registry has ${next.offset} bytes after it was sent ${end}`)
    this.#most = Math.max(this.#most, next.offset)
    return next
  }

  async #complete(session: UploadSession, rest: Buffer): Promise<void> {
    const { digest } = this.#blob
    const response = await completeUpload(this.#repository, session, digest, rest, this.#signal)
    if (response.status === 201 || response.status === 204) return discard(response)
    const error = await failure(response, this.#repository.familiar, 'push')
    const isOtherwise = codesOf(error).includes('DIGEST_INVALID')
    if (isOtherwise && !this.#wasInterrupted) throw mismatch(this.#what, 'digest', digest, 'another one')
    if (!isOtherwise && response.status !== 404 && response.status !== 416) throw error
    // Bytes that were lost or doubled when it was interrupted: all over again.
    await this.cancel()
    throw new InterruptedUpload(error.message)
  }

  /** An error that cannot pass, or one that may pass now that something is changed. */
  #judge(error: unknown): unknown {
    this.#wasInterrupted = true
    const isTooLarge = error instanceof RegistryError && error.status === 413
    if (!isTooLarge || this.#chunkBytes <= modestChunkBytes || this.#blob.size <= modestChunkBytes) return error
    this.#chunkBytes = modestChunkBytes
    return new InterruptedUpload(error.message)
  }

  async #resume(): Promise<void> {
    const before = this.#session
    const state = before && (await uploadState(this.#repository, before, this.#signal))
    if (state && state.offset <= this.#blob.size) this.#session = state
    else await this.cancel()
    const offset = this.#session?.offset ?? 0
    this.#most = Math.max(this.#most, offset)
    this.#onProgress(offset)
  }

  async *#bytes(begin: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    let at = begin
    try {
      for await (const chunk of this.#read(begin)) {
        const part = chunk.length > end - at ? chunk.subarray(0, end - at) : chunk
        at += part.length
        yield part
        this.#onProgress(at)
        if (at === end) return
      }
      if (at < end) throw mismatch(this.#what, 'size', this.#blob.size, at)
    } catch (error) {
      this.#unreadable = { error }
      throw error
    }
  }
}

function codesOf({ details }: { readonly details: Readonly<Record<string, unknown>> }): string[] {
  return ((details.errors ?? []) as RegistryErrorEntry[]).map(({ code }) => code)
}
