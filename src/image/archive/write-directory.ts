import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Content } from '../../content/content.js'
import { failpoint } from '../../errors/failpoint.js'
import { type ArchiveContents, type ArchiveFile, archiveFileBytes, archiveFiles } from './write-archive.js'

/**
 * Writes an OCI image layout as a directory: into one that is there, or a new one. `index.json` comes last, so that whoever
 * reads it finds all that it names; blobs that are there stay.
 *
 * @returns bytes that were written
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export async function writeLayoutDirectory(
  contents: ArchiveContents,
  content: Content,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  await mkdir(join(directory, 'blobs/sha256'), { recursive: true, mode: 0o755 })
  let size = 0
  const files = archiveFiles(contents)
  const isIndex = ({ name }: ArchiveFile) => name === 'index.json'
  for (const file of [...files.filter((one) => !isIndex(one)), ...files.filter(isIndex)]) {
    const path = join(directory, file.name)
    if (file.name.startsWith('blobs/') && (await hasSize(path, file.size))) continue
    await writeAside(path, file, content, signal)
    size += file.size
  }
  return size
}

async function hasSize(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() === true && found.size === size
}

async function writeAside(
  path: string,
  file: ArchiveFile,
  content: Content,
  signal: AbortSignal | undefined,
): Promise<void> {
  const aside = join(dirname(path), `.${randomBytes(6).toString('hex')}`)
  try {
    await using handle = await open(aside, 'wx', 0o644)
    for await (const chunk of archiveFileBytes(file, content)) {
      signal?.throwIfAborted()
      for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten
    }
    failpoint('exchange.layout')
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
}
