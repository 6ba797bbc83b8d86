import { closeSync, fstatSync, readSync } from 'node:fs'
import type { Content } from '../../content/content.js'
import type { Digest } from '../../content/digest.js'
import { tarPadding } from '../../layer/index.js'
import { invalidArchive, shown } from '../documents/invalid.js'
import type { Archive } from './archive.js'
import { ArchiveFiles } from './archive-files.js'
import { fileBytes } from './file-bytes.js'
import { tarEvents } from './tar-events.js'

/** Where a file's bytes are in the tar. */
interface Place {
  readonly offset: number
  readonly size: number
}

const blockBytes = 512
const windowBytes = 8 * 1024

/**
 * The files of a plain tar that is itself a file: only its headers are read, and what the image consists of when it is
 * asked for, several layers at once.
 *
 * @param descriptor taken over, also when this throws
 */
export async function openSeekableArchive(
  descriptor: number,
  content: Content,
  onBytes: (bytes: number) => void,
): Promise<Archive> {
  try {
    const files = await findFiles(descriptor)
    if (files.size === 0) throw invalidArchive('The archive is empty.')
    return seekableArchive(descriptor, files, content, onBytes)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

async function findFiles(descriptor: number): Promise<ArchiveFiles<Place>> {
  const files = new ArchiveFiles<Place>()
  const { size } = fstatSync(descriptor)
  const header = headerReader(descriptor)
  let at = 0
  let skip = 0
  // The parser is shown zeros in place of content, which is all the same to it.
  async function* headers(): AsyncGenerator<Buffer, void, undefined> {
    while (at < size) {
      const bytes = skip > 0 ? zeros.subarray(0, Math.min(skip, size - at)) : header(at)
      skip = Math.max(0, skip - bytes.length)
      at += bytes.length
      yield bytes
    }
  }
  for await (const event of tarEvents(headers())) {
    if (event.kind !== 'entry') continue
    const { entry } = event
    if (entry.kind !== 'file') files.addOther(entry)
    else {
      files.addFile(entry, { offset: at, size: entry.size })
      skip = entry.size + tarPadding(entry.size).length
    }
  }
  return files
}

const zeros = Buffer.alloc(1024 * 1024)

/** Reads a block at a time, a few of them with each call of the system. */
function headerReader(descriptor: number): (at: number) => Buffer {
  let start = 0
  let window = Buffer.alloc(0)
  return (at) => {
    if (at < start || at + blockBytes > start + window.length) {
      start = at
      window = Buffer.alloc(windowBytes)
      window = window.subarray(0, readSync(descriptor, window, 0, windowBytes, at))
    }
    return window.subarray(at - start, at - start + blockBytes)
  }
}

function seekableArchive(
  descriptor: number,
  files: ArchiveFiles<Place>,
  content: Content,
  onBytes: (bytes: number) => void,
): Archive {
  async function* bytesOf({ offset, size }: Place): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of fileBytes(descriptor, { offset, length: size })) {
      yield chunk
      onBytes(chunk.length)
    }
  }
  const present = (digest: Digest | undefined) =>
    digest !== undefined && content.has(digest) ? { digest, size: content.size(digest) } : undefined

  return {
    has: (name) => files.find(name) !== undefined,
    async read(name, maxBytes) {
      const place = files.get(name)
      if (place.size > maxBytes)
        throw invalidArchive(`${shown(name)} is longer than ${maxBytes} bytes`, { name, size: place.size, maxBytes })
      const chunks: Buffer[] = []
      for await (const chunk of bytesOf(place)) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
    async ingest(name, { expected = {}, diffId, ...options } = {}) {
      const place = files.get(name)
      return (
        present(expected.digest) ??
        present(diffId) ??
        (await content.ingest(bytesOf(place), { ...options, expected: { size: place.size, ...expected } }))
      )
    },
    close: () => closeSync(descriptor),
  }
}
