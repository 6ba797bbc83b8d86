import type { Stats } from 'node:fs'
import { type FileHandle, readlink } from 'node:fs/promises'
import { O_RDONLY } from '../../host/index.js'
import { codeOf, Refusal } from './failures.js'
import { type FileTree, openRegular, pathIn, statusOf } from './file-tree.js'

/** As long as Node's own buffers and strings are surely allowed to be. */
export const defaultMaxBytes = 512 * 1024 * 1024

/** What is read at once: others get their turn, and an abort is heard, in between. */
const chunkBytes = 1024 * 1024

export async function readBytes(tree: FileTree, path: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  return tree.findOwn(path, async (fd) => {
    const handle = await openRegular(fd, O_RDONLY, signal)
    try {
      const { size } = await handle.stat()
      if (size > maxBytes) throw tooLarge(maxBytes)
      return await readAll(handle, size, maxBytes, signal)
    } finally {
      await handle.close()
    }
  })
}

/** It may have become longer or shorter since its size was asked for. */
async function readAll(handle: FileHandle, size: number, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  // One more: that there is no more is known at once.
  let bytes: Buffer = Buffer.allocUnsafeSlow(size + 1)
  for (let length = 0; ; ) {
    signal.throwIfAborted()
    const wanted = Math.min(chunkBytes, bytes.length - length)
    const { bytesRead } = await handle.read(bytes, length, wanted)
    length += bytesRead
    if (length > maxBytes) throw tooLarge(maxBytes)
    const isAllThereWas = bytesRead < wanted && length === size
    if (bytesRead === 0 || isAllThereWas) return bytes.subarray(0, length)
    if (length === bytes.length) bytes = longer(bytes, maxBytes)
  }
}

function longer(bytes: Buffer, maxBytes: number): Buffer {
  const next = Buffer.allocUnsafeSlow(Math.min(Math.max(bytes.length * 2, 64 * 1024), maxBytes + 1))
  bytes.copy(next)
  return next
}

const tooLarge = (maxBytes: number) => new Refusal('EFBIG', `longer than the ${maxBytes} bytes of maxBytes`)

export async function look(tree: FileTree, path: string, follows: boolean): Promise<Stats> {
  return tree.find(path, ({ fd }) => statusOf(fd), { follows })
}

const absent: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG'])

/** Whether a path leads to something: what cannot be reached is not there. */
export async function isThere(tree: FileTree, path: string): Promise<boolean> {
  try {
    return await tree.find(path, async () => true)
  } catch (error) {
    if (absent.has(codeOf(error))) return false
    throw error
  }
}

export async function readLink(tree: FileTree, path: string): Promise<Buffer> {
  return tree.place(path, ({ fd, name, wantsDirectory }) => {
    if (wantsDirectory || ['', '.', '..'].includes(name)) throw new Refusal('EINVAL', 'no symbolic link')
    return readlink(pathIn(fd, name), { encoding: 'buffer' })
  })
}
