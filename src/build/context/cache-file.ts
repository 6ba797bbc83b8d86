import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What a cache file begins with: a new form is a new word. */
const magic = Buffer.from('inboard1')
const digestBytes = 32
const maxBytes = 512 * 1024 * 1024
/** Of the same directory, those that were written last. */
const maxFiles = 64

/** The content of a cache file; empty when it is missing, damaged or of another form. */
export function readCacheFile(path: string): Uint32Array {
  const nothing = new Uint32Array(0)
  try {
    if (statSync(path).size > maxBytes) return nothing
    const bytes = readFileSync(path)
    const content = bytes.subarray(magic.length, -digestBytes)
    const isWhole = digestOf(content).equals(bytes.subarray(-digestBytes))
    if (!isWhole || !bytes.subarray(0, magic.length).equals(magic)) return nothing
    // A copy where it is not aligned: small files are read into a pool.
    const aligned = content.byteOffset % 4 === 0 ? content : new Uint8Array(content)
    return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
  } catch {
    return nothing
  }
}

/** Written aside and renamed into place. Not synced: what a power cut damages is not believed. */
export async function writeCacheFile(path: string, content: Buffer): Promise<void> {
  if (content.length > maxBytes - magic.length - digestBytes) return
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const aside = `${path}.${randomBytes(8).toString('hex')}`
  try {
    const file = await open(aside, 'wx', 0o600)
    try {
      for (const part of [magic, content, digestOf(content)]) await file.writeFile(part)
    } finally {
      await file.close()
    }
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
  await removeOldest(directory)
}

function digestOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest()
}

/** Also what was written aside by processes that died. */
async function removeOldest(directory: string): Promise<void> {
  const names = await readdir(directory)
  if (names.length <= maxFiles) return
  const files = await Promise.all(names.map((name) => writtenAt(join(directory, name))))
  files.sort((a, b) => b.at - a.at)
  for (const { path } of files.slice(maxFiles)) await rm(path, { force: true })
}

async function writtenAt(path: string): Promise<{ path: string; at: number }> {
  const found = await stat(path).catch(() => undefined)
  return { path, at: found?.mtimeMs ?? 0 }
}
