import { type FileHandle, open } from 'node:fs/promises'
import { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } from '../../host/index.js'
import { codeOf, Refusal } from './failures.js'
import { type FileTree, openRegular, type Place, pathIn } from './file-tree.js'
import { splitPath, textOf } from './names.js'
import type { FileData, FileOwner } from './options.js'
import { readLink } from './read.js'

/** What a flag of Node's asks for. */
export interface WriteMode {
  readonly creates: boolean
  readonly isExclusive: boolean
  readonly truncates: boolean
  readonly appends: boolean
}

export interface WriteRequest extends FileOwner {
  readonly mode: number
  readonly how: WriteMode
}

/** As the kernel's own limit. */
const maxLinks = 40

/** What is written at once: an abort is heard in between. */
const chunkBytes = 1024 * 1024

export async function writeBytes(
  tree: FileTree,
  path: string,
  data: AsyncIterable<Uint8Array>,
  request: WriteRequest,
  signal: AbortSignal,
): Promise<void> {
  const handle = await openForWriting(tree, path, request, signal)
  try {
    for await (const bytes of data) await writeAll(handle, bytes, signal)
  } finally {
    await handle.close()
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  for (let at = 0; at < bytes.length; signal.throwIfAborted()) {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(chunkBytes, bytes.length - at))
    at += bytesWritten
  }
}

/**
 * Opens what is there, if it is a regular file, or makes one; never both with one call: who may put a device in its place
 * meanwhile would have that opened.
 */
async function openForWriting(
  tree: FileTree,
  given: string,
  request: WriteRequest,
  signal: AbortSignal,
): Promise<FileHandle> {
  const { creates, isExclusive } = request.how
  let path = given
  for (let links = 0; links <= maxLinks; links++) {
    const found = isExclusive ? undefined : await openFound(tree, path, request, signal)
    const handle = found ?? (await create(tree, path, request))
    if (handle) return handle
    // Something is there now, or a symlink that leads nowhere: the file is made where it leads to.
    path = await behindLink(tree, path)
  }
  throw new Refusal('ELOOP', creates ? 'too many symbolic links encountered' : 'it does not stay what it is')
}

/** Undefined: there is nothing, and it may be made. */
async function openFound(
  tree: FileTree,
  path: string,
  { how }: WriteRequest,
  signal: AbortSignal,
): Promise<FileHandle | undefined> {
  const flags = O_WRONLY | (how.truncates ? O_TRUNC : 0) | (how.appends ? O_APPEND : 0)
  try {
    return await tree.findOwn(path, (fd) => openRegular(fd, flags, signal))
  } catch (error) {
    if (how.creates && codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Undefined: there is something. */
async function create(tree: FileTree, path: string, request: WriteRequest): Promise<FileHandle | undefined> {
  return tree.place(path, async (place) => {
    if (place.wantsDirectory || ['', '.', '..'].includes(place.name))
      throw new Refusal('EISDIR', 'illegal operation on a directory')
    try {
      return await createIn(place, request)
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && !request.how.isExclusive) return undefined
      throw error
    }
  })
}

async function createIn({ fd, name }: Place, { mode, uid, gid, how }: WriteRequest): Promise<FileHandle> {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | (how.appends ? O_APPEND : 0)
  // Nobody but its owner-to-be may read it before it has all of its attributes.
  const handle = await open(pathIn(fd, name), flags, mode & 0o600)
  try {
    if (uid !== undefined || gid !== undefined) await handle.chown(uid ?? -1, gid ?? -1)
    await handle.chmod(mode)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Where a symlink leads, from the root of the tree as everything; the path itself when it is none. */
async function behindLink(tree: FileTree, path: string): Promise<string> {
  try {
    const target = textOf(await readLink(tree, path))
    return target.startsWith('/') ? target : `${splitPath(path).directory}${target}`
  } catch (error) {
    if (['EINVAL', 'ENOENT'].includes(String(codeOf(error)))) return path
    throw error
  }
}

/** Bytes of whatever is to be written. */
export async function* bytesOfData(data: FileData, encoding: BufferEncoding): AsyncGenerator<Uint8Array, void, void> {
  if (typeof data === 'string' || ArrayBuffer.isView(data)) yield asBytes(data, encoding)
  else for await (const part of data) yield asBytes(part, encoding)
}

function asBytes(data: string | NodeJS.ArrayBufferView, encoding: BufferEncoding): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
