import type { BlobDescriptor, Content } from '../../content/content.js'
import { type Digest, digestOf } from '../../content/digest.js'
import { DigestMismatchError } from '../../errors/index.js'
import { cleanName, decompress, type TarEntry } from '../../layer/index.js'
import { invalidArchive, shown } from '../documents/invalid.js'
import type { Archive } from './archive.js'
import { type TarEvent, tarEvents } from './tar-events.js'

/** A file of the archive: small ones stay in memory, the others are blobs already. */
type Stored = { readonly bytes: Buffer } | { readonly blob: BlobDescriptor }

const maxSmallBytes = 64 * 1024
const maxMemoryBytes = 16 * 1024 * 1024
const maxLinks = 16

/**
 * Reads a tar archive, compressed or not, in one pass. What its manifest needs is known only at the end, because
 * `docker save` writes it there: so every file becomes a blob on the way, and what is not needed is collected later.
 */
export async function readTarArchive(
  source: AsyncIterable<Uint8Array>,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<Archive> {
  const files = new Map<string, Stored>()
  const links = new Map<string, string>()
  const events = tarEvents(decompress(source))
  let memory = 0
  try {
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      if (next.value.kind !== 'entry') throw new Error('unreachable: data without an entry')
      const { entry } = next.value
      const name = cleanName(entry.name)
      if (entry.kind === 'file') {
        const isSmall = entry.size <= maxSmallBytes && memory < maxMemoryBytes
        if (isSmall) memory += entry.size
        files.set(name, isSmall ? await collect(events) : { blob: await store(name, entry, events, content, signal) })
        links.delete(name)
      } else if (entry.kind === 'symlink' || entry.kind === 'hardlink') {
        links.set(name, linkTarget(name, entry))
        files.delete(name)
      } else if (entry.kind !== 'directory') {
        throw invalidArchive(`${shown(entry.name)} is a device or pipe, which an image archive cannot have`)
      }
    }
  } finally {
    await events.return()
  }
  if (files.size === 0) throw invalidArchive('The archive is empty.')
  return storedArchive(files, links, content, signal)
}

/** Older versions of `docker save` write a layer that two images share once, and a symlink for the second. */
function linkTarget(name: string, entry: TarEntry): string {
  if (entry.kind === 'hardlink') return cleanName(entry.linkname)
  const slash = name.lastIndexOf('/')
  return cleanName(entry.linkname.startsWith('/') ? entry.linkname : `${name.slice(0, slash + 1)}${entry.linkname}`)
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
  name: string,
  entry: TarEntry,
  events: AsyncGenerator<TarEvent, void, undefined>,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<BlobDescriptor> {
  const hex = blobName.exec(name)?.[1]
  if (hex === undefined) return content.ingest(payload(events), { ...(signal && { signal }) })
  const digest = `sha256:${hex}` as Digest
  if (!content.has(digest)) {
    return content.ingest(payload(events), { expected: { digest, size: entry.size }, ...(signal && { signal }) })
  }
  for await (const _ of payload(events)) signal?.throwIfAborted()
  return { digest, size: content.size(digest) }
}

function storedArchive(
  files: ReadonlyMap<string, Stored>,
  links: ReadonlyMap<string, string>,
  content: Content,
  signal: AbortSignal | undefined,
): Archive {
  const find = (name: string): Stored | undefined => {
    let at: string | undefined = name
    for (let followed = 0; at !== undefined && followed < maxLinks; followed++) {
      const file = files.get(at)
      if (file) return file
      at = links.get(at)
    }
    return undefined
  }
  const get = (name: string): Stored => {
    const file = find(name)
    if (file) return file
    throw invalidArchive(`The archive has no ${shown(name)}: it is incomplete or truncated.`, { missing: name })
  }
  return {
    has: (name) => find(name) !== undefined,
    async read(name, maxBytes) {
      const file = get(name)
      const size = 'blob' in file ? file.blob.size : file.bytes.length
      if (size > maxBytes)
        throw invalidArchive(`${shown(name)} is longer than ${maxBytes} bytes`, { name, size, maxBytes })
      return 'blob' in file ? content.read(file.blob.digest, maxBytes) : file.bytes
    },
    async ingest(name, expected = {}) {
      const file = get(name)
      const blob = 'blob' in file ? file.blob : { digest: digestOf(file.bytes), size: file.bytes.length }
      verifyBlob(name, blob, expected)
      if ('bytes' in file && !content.has(blob.digest))
        await content.ingest(only(file.bytes), { ...(signal && { signal }) })
      return blob
    },
    close() {},
  }
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes
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
