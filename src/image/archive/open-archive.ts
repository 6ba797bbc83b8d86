import type { Content } from '../../content/content.js'
import type { InvalidOptionError } from '../../errors/index.js'
import type { Native } from '../../host/native.js'
import { decompress } from '../../layer/index.js'
import { invalidArchive } from '../documents/invalid.js'
import type { Archive } from './archive.js'
import { openDirectoryArchive } from './directory-archive.js'
import { readDockerArchive } from './docker-archive.js'
import type { ImageSource } from './image-source.js'
import { readOciLayout } from './oci-layout.js'
import { openSeekableArchive } from './seekable-archive.js'
import { type ArchiveSource, archiveFailed, isDirectory, openPlainTar, sourceBytes } from './source.js'
import { readTarArchive } from './tar-archive.js'

const maxDocumentsBytes = 64 * 1024 * 1024
/** What a document takes at least, once it is parsed. */
const smallestDocument = 4096

export interface OpenArchiveOptions {
  readonly content: Content
  readonly native: Pick<Native, 'openat2'>
  /** The most bytes that the archive may have when it is not compressed. */
  readonly maxBytes: number
  readonly signal: AbortSignal | undefined
  readonly onBytes: (bytes: number) => void
}

/** Opens a directory or a file that is a plain tar, to be read when it is asked for; reads any other tar to its end. */
export async function openArchive(source: ArchiveSource, options: OpenArchiveOptions): Promise<Archive> {
  const { content, native, maxBytes, signal } = options
  try {
    if (await isDirectory(source))
      return openDirectoryArchive(source as string, content, native, limited(options, maxBytes))
    const file = openPlainTar(source)
    if (file !== undefined) return await openSeekableArchive(file, content, limited(options, maxBytes))
    return await readTarArchive(bounded(decompress(sourceBytes(source, options)), maxBytes), content, signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw archiveFailed(error)
  }
}

/**
 * The images of an archive, of whatever format it is. Docker ≥ 25 writes both: there the OCI layout is read, because it
 * has digests to verify, and the tags of both count.
 */
export async function findImages(whole: Archive): Promise<ImageSource[]> {
  const archive = withBoundedDocuments(whole)
  try {
    if (archive.has('index.json')) return await readOciLayout(archive)
    if (archive.has('manifest.json')) return await readDockerArchive(archive)
  } catch (error) {
    throw archiveFailed(error)
  }
  throw invalidArchive(
    'The archive has neither manifest.json (docker save) nor index.json (OCI layout): it is truncated, or not an image. A root filesystem is for import().',
  )
}

/** Bounds the documents that are read of an archive: those of all its images are in memory at once. */
function withBoundedDocuments(archive: Archive): Archive {
  let left = maxDocumentsBytes
  return {
    ...archive,
    async read(name, maxBytes) {
      const bytes = await archive.read(name, maxBytes)
      left -= Math.max(bytes.length, smallestDocument)
      if (left >= 0) return bytes
      throw invalidArchive(
        `The documents of the archive are longer than the ${maxDocumentsBytes} bytes that are allowed: it has too many images.`,
        { maxBytes: maxDocumentsBytes },
      )
    },
  }
}

/** What is counted where only what the images need is read. */
function limited({ onBytes }: OpenArchiveOptions, maxBytes: number): (bytes: number) => void {
  let read = 0
  return (bytes) => {
    read += bytes
    if (read > maxBytes) throw tooLong(maxBytes)
    onBytes(bytes)
  }
}

async function* bounded(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer, void, undefined> {
  let read = 0
  for await (const chunk of source) {
    read += chunk.length
    if (read > maxBytes) throw tooLong(maxBytes)
    yield chunk
  }
}

function tooLong(maxBytes: number): InvalidOptionError {
  return invalidArchive(`The archive is longer than the ${maxBytes} bytes that are allowed.`, { maxBytes })
}
