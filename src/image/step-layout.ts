import { constants } from 'node:fs'
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestOf, hexOf } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { withFileLock } from '../host/index.js'
import type { LayerRow } from '../store/images.js'
import type { ImageContext } from './load.js'
import { type DescribeCache, storedBlobs } from './step-transfer.js'

/** A cache in a directory of the host. */
export interface CacheLayout {
  /** The index that leads to a manifest. */
  index(manifest: { readonly digest: Digest; readonly size: number }): Buffer
  /** All blobs that an index leads to which was there before; those of the new one excepted they go. */
  before(directory: string): Promise<readonly Digest[]>
  readonly describe: DescribeCache
}

/**
 * Writes layers and the documents about them as an OCI layout; of several who write to one directory one after the other.
 * Who reads it meanwhile finds the one before, or this one. To be called within a change, see `collection.ts`.
 */
export async function saveLayers(
  context: ImageContext,
  rows: readonly LayerRow[],
  directory: string,
  { index, before, describe }: CacheLayout,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  await mkdir(join(directory, 'blobs/sha256'), { recursive: true })
  const lock = join(directory, 'inboard.lock')
  const write = async () => {
    const old = await before(directory)
    const blobs = storedBlobs(context, rows)
    const { config, manifest } = describe(blobs)
    const documents = [config, manifest.bytes]
    for (const { digest } of blobs) {
      signal?.throwIfAborted()
      await put(blobPath(directory, digest), (path) => copy(context.content.path(digest), path))
    }
    for (const bytes of documents) await put(blobPath(directory, digestOf(bytes)), (path) => writeNew(path, bytes))
    const digest = digestOf(manifest.bytes)
    await put(join(directory, 'oci-layout'), (path) => writeNew(path, Buffer.from('{"imageLayoutVersion":"1.0.0"}')))
    failpoint('exchange.index')
    await replace(join(directory, 'index.json'), index({ digest, size: manifest.bytes.length }))
    const kept = new Set<Digest>([...blobs.map((blob) => blob.digest), ...documents.map(digestOf)])
    for (const gone of old) if (!kept.has(gone)) await rm(blobPath(directory, gone), { force: true })
    return digest
  }
  return withFileLock(lock, () => write().finally(() => rm(lock, { force: true })), signal)
}

export function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs/sha256', hexOf(digest))
}

/** A file that is not there yet, whole from the moment that it is. */
async function put(path: string, make: (path: string) => Promise<void>): Promise<void> {
  if (await stat(path).catch(() => undefined)) return
  const aside = `${path}.new`
  await rm(aside, { force: true })
  await make(aside)
  await rename(aside, path)
}

async function replace(path: string, bytes: Buffer): Promise<void> {
  const aside = `${path}.new`
  await writeNew(aside, bytes)
  await rename(aside, path)
}

/** On the disk before it gets its name, as all of these are. */
async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  await using handle = await open(to, 'r+')
  await handle.sync()
}

async function writeNew(path: string, bytes: Buffer): Promise<void> {
  await using handle = await open(path, 'w', 0o644)
  await handle.writeFile(bytes)
  await handle.sync()
}
