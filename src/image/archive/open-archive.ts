import type { Content } from '../../content/content.js'
import type { Native } from '../../host/native.js'
import { invalidArchive } from '../documents/invalid.js'
import type { Archive } from './archive.js'
import { openDirectoryArchive } from './directory-archive.js'
import { readDockerArchive } from './docker-archive.js'
import type { ImageSource } from './image-source.js'
import { readOciLayout } from './oci-layout.js'
import { type ArchiveSource, archiveFailed, isDirectory, sourceBytes } from './source.js'
import { readTarArchive } from './tar-archive.js'

export interface OpenArchiveOptions {
  readonly content: Content
  readonly native: Pick<Native, 'openat2'>
  readonly signal: AbortSignal | undefined
  readonly onBytes: (bytes: number) => void
}

/** Opens a directory, or reads a tar to its end. */
export async function openArchive(source: ArchiveSource, options: OpenArchiveOptions): Promise<Archive> {
  const { content, native, signal } = options
  try {
    if (await isDirectory(source)) return openDirectoryArchive(source as string, content, native, signal)
    return await readTarArchive(sourceBytes(source, options), content, signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw archiveFailed(error)
  }
}

/**
 * The images of an archive, of whatever format it is. Docker ≥ 25 writes both: there the OCI layout is read, because it
 * has digests to verify, and the tags of both count.
 */
export async function findImages(archive: Archive): Promise<ImageSource[]> {
  try {
    if (archive.has('index.json')) return await readOciLayout(archive)
    if (archive.has('manifest.json')) return await readDockerArchive(archive)
  } catch (error) {
    throw archiveFailed(error)
  }
  throw invalidArchive(
    'The archive has neither manifest.json (docker save) nor index.json (OCI layout): it is truncated, or not an image. A root filesystem is for import().',
  )
}
