import type { BlobDescriptor, Content } from '../../content/content.js'
import { type Digest, digestOf } from '../../content/digest.js'
import { DigestMismatchError } from '../../errors/index.js'
import { cleanName, type TarEntry } from '../../layer/index.js'
import { invalidArchive, shown } from '../documents/invalid.js'
import { only } from '../only.js'
import type { Archive } from './archive.js'
import { ArchiveFiles } from './archive-files.js'
import { type TarEvent, tarEvents } from './tar-events.js'

/** A file of the archive: small ones stay in memory, the others are blobs already. */
type Stored = { readonly bytes: Buffer } | { readonly blob: BlobDescriptor }

const maxSmallBytes = 64 * 1024
const maxMemoryBytes = 16 * 1024 * 1024

/**
 * Reads a tar archive that comes as a stream, in one pass. What its manifest needs is known only at the end, because
 * `docker save` writes it there: so every file becomes a blob on the way, and what is not needed is collected later.
 *
 * @param source the tar, not compressed
 */
export async function readTarArchive(
  source: AsyncIterable<Buffer>,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<Archive> {
  const files = new ArchiveFiles<Stored>()
  const events = tarEvents(source)
  let memory = 0
  try {
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      if (next.value.kind !== 'entry') throw new Error('unreachable: data without an entry')
      const { entry } = next.value
      if (entry.kind !== 'file') {
        files.addOther(entry)
        continue
      }
      const isSmall = entry.size <= maxSmallBytes && memory < maxMemoryBytes
      if (isSmall) memory += entry.size
      files.addFile(entry, isSmall ? await collect(events) : { blob: await store(entry, events, content, signal) })
    }
  } finally {
    await events.return()
  }
  if (files.size === 0) throw invalidArchive('The archive is empty.')
  return storedArchive(files, content)
}

async function* payload(events: AsyncGenerator<TarEvent, void, undefined>): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const next = await events.next()
    if (next.done === true || next.value.kind !== 'data') return
    yield next.value.bytes
  }
}

async function collect(events: AsyncGenerator<TarEvent, void, undefined>): Promise<Stored> {
  const chunks: Buffer[] = []
  for await (const bytes of payload(events)) chunks.push(Buffer.from(bytes))
  return { bytes: Buffer.concat(chunks) }
}

const blobName = /^blobs\/sha256\/([a-f0-9]{64})$/

async function store(
  entry: TarEntry,
  events: AsyncGenerator<TarEvent, void, undefined>,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<BlobDescriptor> {
  const hex = blobName.exec(cleanName(entry.name))?.[1]
  if (hex === undefined) return content.ingest(payload(events), { signal })
  const digest = `sha256:${hex}` as Digest
  if (!content.has(digest)) return content.ingest(payload(events), { expected: { digest, size: entry.size }, signal })
  for await (const _ of payload(events)) signal?.throwIfAborted()
  return { digest, size: content.size(digest) }
}

function storedArchive(files: ArchiveFiles<Stored>, content: Content): Archive {
  return {
    has: (name) => files.find(name) !== undefined,
    async read(name, maxBytes) {
      const file = files.get(name)
      const size = 'blob' in file ? file.blob.size : file.bytes.length
      if (size > maxBytes)
        throw invalidArchive(`${shown(name)} is longer than ${maxBytes} bytes`, { name, size, maxBytes })
      return 'blob' in file ? content.read(file.blob.digest, maxBytes) : file.bytes
    },
    async ingest(name, { expected = {}, signal } = {}) {
      const file = files.get(name)
      const blob = 'blob' in file ? file.blob : { digest: digestOf(file.bytes), size: file.bytes.length }
      verifyBlob(name, blob, expected)
      if ('bytes' in file && !content.has(blob.digest)) await content.ingest(only(file.bytes), { signal })
      return blob
    },
    close() {},
  }
}

function verifyBlob(name: string, actual: BlobDescriptor, expected: Partial<BlobDescriptor>): void {
  for (const what of ['size', 'digest'] as const) {
    if (expected[what] === undefined || expected[what] === actual[what]) continue
    throw new DigestMismatchError(
      `${shown(name)} has ${what} ${actual[what]}, but ${expected[what]} was announced: the archive is corrupt.`,
      { code: 'DIGEST_MISMATCH', details: { name, what, expected: expected[what], actual: actual[what] } },
    )
  }
}
