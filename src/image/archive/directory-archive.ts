import { closeSync, fstatSync } from 'node:fs'
import type { Content } from '../../content/content.js'
import {
  AT_FDCWD,
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from '../../host/index.js'
import type { Native } from '../../host/native.js'
import { invalidArchive, shown } from '../documents/invalid.js'
import type { Archive } from './archive.js'
import { fileBytes } from './file-bytes.js'

/** The files of an unpacked archive. Symlinks are resolved inside of the directory, wherever they point. */
export function openDirectoryArchive(
  path: string,
  content: Content,
  native: Pick<Native, 'openat2'>,
  onBytes: (bytes: number) => void,
): Archive {
  const directory = native.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0)
  // Without O_NONBLOCK a pipe among the files would hang the process.
  const open = (name: string) =>
    native.openat2(directory, name, O_RDONLY | O_NONBLOCK, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

  const openFile = (name: string): number => {
    let descriptor: number
    try {
      descriptor = open(name)
    } catch (cause) {
      throw invalidArchive(
        `The archive has no ${shown(name)} that can be read: it is incomplete.`,
        { missing: name },
        cause,
      )
    }
    if (fstatSync(descriptor).isFile()) return descriptor
    closeSync(descriptor)
    throw invalidArchive(`${shown(name)} is not a regular file`, { name })
  }

  async function* bytesOf(name: string): AsyncGenerator<Buffer, void, undefined> {
    const descriptor = openFile(name)
    try {
      for await (const chunk of fileBytes(descriptor)) {
        yield chunk
        onBytes(chunk.length)
      }
    } finally {
      closeSync(descriptor)
    }
  }

  return {
    has(name) {
      try {
        closeSync(open(name))
        return true
      } catch {
        return false
      }
    },
    async read(name, maxBytes) {
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of bytesOf(name)) {
        size += chunk.length
        if (size > maxBytes) throw invalidArchive(`${shown(name)} is longer than ${maxBytes} bytes`)
        chunks.push(chunk)
      }
      return Buffer.concat(chunks)
    },
    async ingest(name, { expected = {}, diffId, ...options } = {}) {
      for (const digest of [expected.digest, diffId]) {
        if (digest !== undefined && content.has(digest)) return { digest, size: content.size(digest) }
      }
      return content.ingest(bytesOf(name), { ...options, expected })
    },
    close: () => closeSync(directory),
  }
}
