import { NotFoundError } from '../errors/index.js'
import { systemError } from '../errors/system.js'
import { type ArchivedImage, type SaveFormat, writeArchive } from './archive/write-archive.js'
import { formatPlatform, matchesPlatform } from './documents/platform.js'
import { invalidOption } from './image-errors.js'
import type { LayerStore } from './layers.js'
import type { OnProgress } from './progress.js'
import { savableImage } from './save-image.js'
import type { SelectedImage } from './save-names.js'
import { type SaveTarget, writeTo } from './save-target.js'
import type { ImageRecord } from './types.js'

export interface SaveOptions {
  /**
   * `docker` is what Docker ≥ 25 writes, which Docker of any version, podman and skopeo load; `oci` is an OCI image layout
   * only, for other tools. Default: `docker`.
   */
  readonly format?: SaveFormat
  /** `os/architecture[/variant]` that all of the images must be for; default: whatever they are for. */
  readonly platform?: string
  readonly signal?: AbortSignal
}

/** {@link SaveOptions} as the store takes them. */
export interface SaveRequest extends SaveOptions {
  readonly onProgress?: OnProgress
}

export interface SavedArchive {
  /** Bytes of the archive. */
  readonly size: number
}

/** Writes images to an archive. To be called while collectors are kept away, see `collection.ts`. */
export async function saveImages(
  store: LayerStore,
  selected: readonly SelectedImage[],
  target: SaveTarget,
  { format = 'docker', platform, signal, onProgress = () => {} }: SaveRequest,
): Promise<SavedArchive> {
  verifyFormat(format)
  if (platform !== undefined) for (const { image } of selected) verifyPlatform(image, platform)
  const images: ArchivedImage[] = []
  for (const { image, names } of selected)
    images.push({ ...(await savableImage(store, image.id, format === 'oci')), names })
  return writeCounted(writeArchive({ images, format }, store.content), target, signal, onProgress)
}

/** The archive of an image without names, whether anybody sees it or not. To be called, and read, as {@link saveImages}. */
export async function hiddenArchive(store: LayerStore, id: string): Promise<AsyncGenerator<Buffer, void, undefined>> {
  const image = await savableImage(store, id, false)
  return writeArchive({ images: [{ ...image, names: [] }], format: 'docker' }, store.content)
}

/** Writes bytes to their target, and counts them. @throws {SyscallError} the target's failures */
export async function writeCounted(
  bytes: AsyncIterable<Buffer>,
  target: SaveTarget,
  signal: AbortSignal | undefined,
  onProgress: OnProgress = () => {},
): Promise<SavedArchive> {
  let size = 0
  async function* counted(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of bytes) {
      yield chunk
      size += chunk.length
      onProgress({ kind: 'bytes', current: size })
    }
  }
  try {
    await writeTo(target, counted(), signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw systemError('The archive could not be written', error)
  }
  return { size }
}

function verifyPlatform(image: ImageRecord, platform: string): void {
  if (matchesPlatform(platform, image)) return
  const [name = image.id] = image.references
  throw new NotFoundError(
    `image with reference ${name} was found but does not provide the specified platform (${platform})`,
    { code: 'PLATFORM_NOT_FOUND', details: { image: image.id, wanted: platform, actual: formatPlatform(image) } },
  )
}

function verifyFormat(format: string): void {
  if (format === 'docker' || format === 'oci') return
  const details = { option: 'format', value: format }
  throw invalidOption(`invalid option "format": "${format}" is none of 'docker' and 'oci'`, details)
}
