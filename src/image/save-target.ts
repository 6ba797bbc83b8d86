import { randomBytes } from 'node:crypto'
import { open, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { failpoint } from '../errors/failpoint.js'
import { invalidOption } from './image-errors.js'

/** A path, or a stream that is ended after the last byte. */
export type SaveTarget = string | Writable

/** Writes bytes to a stream at its pace, or to a file: it has its path only when it is whole. */
export async function writeTo(
  target: SaveTarget,
  bytes: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (typeof target !== 'string') return pipeline(bytes, target, signal ? { signal } : {})
  const path = await filePath(target)
  const aside = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomBytes(6).toString('hex')}`)
  try {
    await writeFile(aside, bytes, signal)
    failpoint('save.publish')
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
}

async function writeFile(path: string, bytes: AsyncIterable<Buffer>, signal: AbortSignal | undefined): Promise<void> {
  // For its owner only, as `docker save` makes it: an image may hold secrets.
  await using file = await open(path, 'wx', 0o600)
  for await (const chunk of bytes) {
    signal?.throwIfAborted()
    for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten
  }
}

/** Where a symlink leads to. What is there and no file would be lost by the rename: a device above all. */
async function filePath(target: string): Promise<string> {
  const path = await realpath(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return target
    throw error
  })
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.isFile()) return path
  const details = { option: 'target', path: target }
  throw invalidOption(`invalid output path: "${target}" must be a regular file`, details)
}
