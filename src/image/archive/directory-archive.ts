import { closeSync, fstatSync, read as readCallback } from 'node:fs'
import { promisify } from 'node:util'
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

const read = promisify(readCallback)
const chunkBytes = 512 * 1024

/** The files of an unpacked archive. Symlinks are resolved inside of the directory, wherever they point. */
export function openDirectoryArchive(
  path: string,
  content: Content,
  native: Pick<Native, 'openat2'>,
  signal: AbortSignal | undefined,
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
      for await (const chunk of fileBytes(openFile(name))) {
        size += chunk.length
        if (size > maxBytes) throw invalidArchive(`${shown(name)} is longer than ${maxBytes} bytes`)
        chunks.push(chunk)
      }
      return Buffer.concat(chunks)
    },
    async ingest(name, expected = {}) {
      if (expected.digest !== undefined && content.has(expected.digest)) {
        return { digest: expected.digest, size: content.size(expected.digest) }
      }
      return content.ingest(fileBytes(openFile(name)), { expected, ...(signal && { signal }) })
    },
    close: () => closeSync(directory),
  }
}

/** Takes the descriptor over. */
async function* fileBytes(descriptor: number): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (;;) {
      const { bytesRead, buffer } = await read(descriptor, Buffer.allocUnsafeSlow(chunkBytes), 0, chunkBytes, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    closeSync(descriptor)
  }
}
