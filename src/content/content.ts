import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync, write as writeCallback } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { failpoint } from '../errors/failpoint.js'
import { DigestMismatchError, InvalidOptionError, NotFoundError } from '../errors/index.js'
import type { Native } from '../host/native.js'
import { type AsideFile, openAsideDirectory } from './aside.js'
import { type Claims, openClaims } from './claims.js'
import { type Digest, finishDigest, hexOf } from './digest.js'
import { GrowingFile } from './growing.js'

/** A blob as it is announced by a document that names it. */
export interface BlobDescriptor {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

export interface IngestOptions {
  /** What the bytes must be; anything else is refused. */
  readonly expected?: Partial<BlobDescriptor>
  /** The most bytes to take; unlimited by default. */
  readonly maxBytes?: number
  /** Told how many bytes there are so far. */
  readonly onBytes?: ((current: number) => void) | undefined
  /** Gets the file as it grows, before its bytes are known to be what is expected; it is whole when the blob is in place. */
  readonly follow?: ((file: GrowingFile) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Blobs under `root/content/sha256/<hex>`, whole and verified from the moment they can be seen. Several processes may
 * write the same blob at once.
 *
 * A blob is not synced to the disk when it is written. Whoever records it in the database calls syncfs(2), once for all
 * that was made: before, or afterwards when the record is marked until then. So after a power cut a recorded blob is whole
 * unless its record is marked, and an unrecorded one is garbage, whole or not.
 */
export interface Content {
  /**
   * Writes a blob aside, hashing it on the way, and renames it into place once it is what was expected.
   *
   * @throws {DigestMismatchError} `DIGEST_MISMATCH` when digest or size differ from the expected ones
   * @throws {InvalidOptionError} `INVALID_ARCHIVE` when it is longer than `maxBytes`
   */
  ingest(source: AsyncIterable<Uint8Array>, options?: IngestOptions): Promise<BlobDescriptor>
  /** Lets `make` create a file aside and tell its digest, then renames it into place. */
  ingestMade(make: (path: string) => Promise<BlobDescriptor>): Promise<BlobDescriptor>
  /** A blob that is there, or that `make` ingests; of all who want it at once, in whatever process, one makes it. */
  obtain(blob: BlobDescriptor, make: () => Promise<BlobDescriptor>, signal?: AbortSignal): Promise<BlobDescriptor>
  /** For what else is made once; gone with the ends of all who are at work. */
  readonly claims: Claims
  has(digest: Digest): boolean
  /** Bytes. @throws {NotFoundError} `CONTENT_NOT_FOUND` */
  size(digest: Digest): number
  /** Where the blob is, or would be. */
  path(digest: Digest): string
  /** @throws {NotFoundError} `CONTENT_NOT_FOUND` */
  open(digest: Digest): Promise<FileHandle>
  /** The whole blob. @throws {InvalidOptionError} `INVALID_ARCHIVE` when it has more than `maxBytes` bytes */
  read(digest: Digest, maxBytes: number): Promise<Buffer>
  remove(digest: Digest): void
  /** Removes every blob that `keep` does not claim, and the remains of processes that died while they wrote. */
  sweep(keep: (digest: Digest) => boolean): void
}

const write = promisify(writeCallback)

export function openContent(root: string, native: Pick<Native, 'flock'>, bootId: string): Content {
  const blobs = join(root, 'content', 'sha256')
  mkdirSync(blobs, { recursive: true, mode: 0o700 })
  const aside = openAsideDirectory(join(root, 'content', 'ingest'), native)
  const claims = openClaims(join(root, 'content', 'ingest'), native, bootId)
  const path = (digest: Digest) => join(blobs, hexOf(digest))
  const has = (digest: Digest) => statSync(path(digest), { throwIfNoEntry: false }) !== undefined

  const notFound = (digest: Digest, cause?: unknown) =>
    new NotFoundError(`No such content: ${digest}`, { code: 'CONTENT_NOT_FOUND', cause, details: { digest } })

  const openBlob = async (digest: Digest) => {
    try {
      return await open(path(digest))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
      throw notFound(digest, cause)
    }
  }

  const withAside = async (body: (file: AsideFile) => Promise<BlobDescriptor>) => {
    const file = aside.create()
    try {
      return await body(file)
    } finally {
      file.discard()
    }
  }

  return {
    has,
    size(digest) {
      const stat = statSync(path(digest), { throwIfNoEntry: false })
      if (!stat) throw notFound(digest)
      return stat.size
    },
    path,
    open: openBlob,
    claims,
    ingest: (source, options = {}) =>
      withAside(async (file) => {
        const growing = new GrowingFile(file.path)
        options.follow?.(growing)
        try {
          const blob = await copyVerified(source, file.descriptor, growing, options)
          failpoint('content.publish')
          // A second copy of a blob that is there already is not worth a rename.
          if (!has(blob.digest)) file.publish(path(blob.digest))
          growing.finish(path(blob.digest))
          return blob
        } catch (error) {
          growing.fail()
          throw error
        }
      }),
    obtain: (blob, make, signal) =>
      claims.once(`blob-${hexOf(blob.digest)}`, {
        find: () => (has(blob.digest) ? blob : undefined),
        make,
        signal,
      }),
    ingestMade: (make) =>
      withAside(async (file) => {
        const blob = await make(file.sibling)
        if (!has(blob.digest)) file.publishSibling(path(blob.digest))
        return blob
      }),
    async read(digest, maxBytes) {
      await using handle = await openBlob(digest)
      const { size } = await handle.stat()
      if (size > maxBytes) throw tooLarge(maxBytes, { digest, size })
      return await handle.readFile()
    },
    remove: (digest) => rmSync(path(digest), { force: true }),
    sweep(keep) {
      failpoint('content.sweep')
      for (const hex of readdirSync(blobs)) {
        if (!keep(`sha256:${hex}` as Digest)) rmSync(join(blobs, hex), { force: true, recursive: true })
      }
      aside.sweep()
    },
  }
}

async function copyVerified(
  source: AsyncIterable<Uint8Array>,
  descriptor: number,
  growing: GrowingFile,
  { expected = {}, maxBytes = Number.POSITIVE_INFINITY, onBytes, signal }: IngestOptions,
): Promise<BlobDescriptor> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of source) {
    signal?.throwIfAborted()
    size += chunk.length
    if (expected.size !== undefined && size > expected.size)
      throw mismatch('size', expected.size, `more than ${expected.size}`)
    if (size > maxBytes) throw tooLarge(maxBytes, { size })
    const written = writeAll(descriptor, chunk)
    hash.update(chunk)
    await written
    growing.grown(size)
    onBytes?.(size)
  }
  signal?.throwIfAborted()
  const digest = finishDigest(hash)
  if (expected.size !== undefined && size !== expected.size) throw mismatch('size', expected.size, size)
  if (expected.digest !== undefined && digest !== expected.digest) throw mismatch('digest', expected.digest, digest)
  return { digest, size }
}

async function writeAll(descriptor: number, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await write(descriptor, chunk, done, chunk.length - done)
    done += bytesWritten
  }
}

function mismatch(what: 'size' | 'digest', expected: string | number, actual: string | number): DigestMismatchError {
  return new DigestMismatchError(
    `The content has ${what} ${actual}, but ${expected} was announced: it is corrupt or truncated.`,
    {
      code: 'DIGEST_MISMATCH',
      details: { what, expected, actual },
    },
  )
}

function tooLarge(maxBytes: number, details: Record<string, unknown>): InvalidOptionError {
  return new InvalidOptionError(`The content is longer than the ${maxBytes} bytes that are allowed.`, {
    code: 'INVALID_ARCHIVE',
    details: { maxBytes, ...details },
  })
}
