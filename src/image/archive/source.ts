import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { InvalidOptionError, LayerError, NotFoundError } from '../../errors/index.js'
import { systemError } from '../../errors/system.js'
import { invalidArchive } from '../documents/invalid.js'
import { chunkBytes } from './file-bytes.js'

/** A file or directory by path, or the bytes themselves (a Node Readable is one, too). */
export type ArchiveSource = string | AsyncIterable<Uint8Array>

export async function isDirectory(source: ArchiveSource): Promise<boolean> {
  if (typeof source !== 'string') return false
  try {
    return (await stat(source)).isDirectory()
  } catch (cause) {
    throw fileNotFound(source, cause)
  }
}

/** A descriptor of the source when it is a file that holds a plain tar, whose files can be read in any order. */
export function openPlainTar(source: ArchiveSource): number | undefined {
  if (typeof source !== 'string') return undefined
  // Without O_NONBLOCK a pipe would wait for its writer.
  const descriptor = openSync(source, constants.O_RDONLY | constants.O_NONBLOCK)
  if (fstatSync(descriptor).isFile() && hasTarMagic(descriptor)) return descriptor
  closeSync(descriptor)
  return undefined
}

// @see tar(5): of ustar, GNU and PAX headers; older and compressed archives are read as streams.
const tarMagic = { offset: 257, text: 'ustar' }

function hasTarMagic(descriptor: number): boolean {
  const magic = Buffer.alloc(tarMagic.text.length)
  const length = readSync(descriptor, magic, 0, magic.length, tarMagic.offset)
  return magic.toString('latin1', 0, length) === tarMagic.text
}

/** The bytes of the source, in large chunks that belong to the reader. */
export async function* sourceBytes(
  source: ArchiveSource,
  { signal, onBytes }: { signal?: AbortSignal | undefined; onBytes?: ((bytes: number) => void) | undefined } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of typeof source === 'string' ? readFile(source) : source) {
    signal?.throwIfAborted()
    if (!(chunk instanceof Uint8Array)) {
      throw new InvalidOptionError('an archive must be a stream of bytes, not of strings or objects', {
        code: 'INVALID_OPTION',
      })
    }
    yield chunk
    onBytes?.(chunk.length)
  }
}

async function* readFile(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  await using handle = await open(path).catch((cause) => {
    throw fileNotFound(path, cause)
  })
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(chunkBytes))
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

function fileNotFound(path: string, cause: unknown): unknown {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') return cause
  return new NotFoundError(`open ${path}: no such file or directory`, {
    code: 'FILE_NOT_FOUND',
    cause,
    details: { path },
  })
}

/** What went wrong while the envelope was read, as an error about the archive. */
export function archiveFailed(error: unknown): unknown {
  if (error instanceof LayerError)
    return invalidArchive(`The archive cannot be read: ${error.message}`, error.details, error)
  return hostFailed(error)
}

/** A failed system call of Node's as an error of ours. */
export function hostFailed(error: unknown): unknown {
  return systemError('The image could not be stored', error)
}
