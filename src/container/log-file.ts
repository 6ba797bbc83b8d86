import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** One of a log's files, open: whatever it is renamed to, compressed as, and also when it is gone. */
export interface LogFile {
  /** What it was written as. */
  readonly inode: string
  /** To its text. One that is compressed is expanded when somebody wants it first. */
  content(): Promise<FileHandle>
  close(): Promise<void>
}

/** The file of that name, or undefined when there is none. */
export async function openLogFile(path: string): Promise<LogFile | undefined> {
  const plain = await unlessMissing(open(path, 'r'))
  if (plain) return onceDescribed(plain, () => plainFile(plain))
  // Made before the other one goes.
  const compressed = await unlessMissing(open(`${path}.gz`, 'r'))
  return compressed && onceDescribed(compressed, () => compressedFile(compressed, path))
}

async function onceDescribed(handle: FileHandle, describe: () => Promise<LogFile>): Promise<LogFile> {
  try {
    return await describe()
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function plainFile(handle: FileHandle): Promise<LogFile> {
  const { ino } = await handle.stat({ bigint: true })
  return { inode: String(ino), content: async () => handle, close: () => handle.close() }
}

async function compressedFile(handle: FileHandle, path: string): Promise<LogFile> {
  let expanded: Promise<FileHandle> | undefined
  return {
    inode: await inodeBefore(handle),
    content() {
      expanded ??= expand(handle, path)
      return expanded
    },
    async close() {
      await handle.close()
      await expanded?.then(
        (content) => content.close(),
        () => {},
      )
    },
  }
}

const extraAt = 12
const blockBytes = 256 * 1024

/** From the header, where the compressor has put it. */
async function inodeBefore(handle: FileHandle): Promise<string> {
  const head = Buffer.alloc(512)
  const { bytesRead } = await handle.read(head, 0, head.length, 0)
  try {
    const text = head.toString('utf8', extraAt, Math.min(bytesRead, extraAt + head.readUInt16LE(extraAt - 2)))
    const { inode } = JSON.parse(text) as { inode?: unknown }
    return typeof inode === 'string' ? inode : ''
  } catch {
    // Not written by a supervisor.
    return ''
  }
}

/** Into a file without a name. What is damaged ends where it is. */
async function expand(handle: FileHandle, path: string): Promise<FileHandle> {
  const { createGunzip } = await import('node:zlib')
  const content = await openUnnamed(path)
  try {
    await pipeline(blocksOf(handle), createGunzip(), async (text: AsyncIterable<Buffer>) => {
      for await (const block of text) await content.writeFile(block)
    })
  } catch (error) {
    if (!isDamage(error)) {
      await content.close()
      throw error
    }
  }
  return content
}

async function* blocksOf(handle: FileHandle): AsyncGenerator<Buffer, void, void> {
  for (let offset = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(blockBytes), 0, blockBytes, offset)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    offset += bytesRead
  }
}

const isDamage = (error: unknown) => String((error as NodeJS.ErrnoException).code).startsWith('Z_')

const unnamed = 0o20000000 | constants.O_DIRECTORY

/** Beside the log, where nothing is seen of it; elsewhere when that directory is gone, or its filesystem has no such files. */
async function openUnnamed(path: string): Promise<FileHandle> {
  try {
    return await open(dirname(path), unnamed | constants.O_RDWR, 0o600)
  } catch {
    const name = join(tmpdir(), `inboard-log-${randomUUID()}`)
    const content = await open(name, 'wx+', 0o600)
    await unlink(name)
    return content
  }
}

export async function unlessMissing<Result>(promise: Promise<Result>): Promise<Result | undefined> {
  try {
    return await promise
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
