import { digestOf } from '../content/digest.js'
import type { Gate } from '../content/gate.js'
import type { Native } from '../host/native.js'
import { parseReference } from '../reference/reference.js'
import type { ImageSource } from './archive/image-source.js'
import { findImages, openArchive } from './archive/open-archive.js'
import { type ArchiveSource, hostFailed } from './archive/source.js'
import type { Disk } from './disk.js'
import { invalidArchive } from './documents/invalid.js'
import type { TellImage } from './events.js'
import { LayerLoader, type LayerStore } from './layers.js'
import type { OnProgress } from './progress.js'
import { type ReadyImage, recordFetched, recordImages } from './record.js'
import type { LoadedImage } from './types.js'

export interface LoadOptions {
  /** The most bytes that the archive may have when it is not compressed; any number by default. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/** {@link LoadOptions} as the store takes them. */
export interface LoadRequest extends LoadOptions {
  readonly onProgress?: OnProgress
}

/** An image that nobody sees, and what it is loaded for. */
export interface LoadHiddenRequest extends LoadRequest {
  /** Called in the transaction that records it: it is there for what refers to it when this returns. */
  recorded(id: string): void
}

export interface ImageContext extends LayerStore {
  readonly root: string
  readonly native: Native
  readonly disk: Disk
  /** The places for downloads, of all pulls together. */
  readonly downloads: Gate
  /** The places for uploads, of all pushes together. */
  readonly uploads: Gate
  readonly tell: TellImage
}

/** Reads an archive and records its images, all or none. To be called within a change, see `collection.ts`. */
export function loadArchive(
  context: ImageContext,
  source: ArchiveSource,
  { onProgress = () => {}, ...request }: LoadRequest,
): Promise<LoadedImage[]> {
  return withImages(context, source, { ...request, onProgress }, async (ready) => {
    const images = mergeNames(ready)
    const warnings = images.flatMap((image) => movedNames(context, image))
    const loaded = recordFetched(images, context, ({ id }) => context.tell('load', id))
    for (const message of warnings) onProgress({ kind: 'warning', message })
    for (const { id, references } of loaded) onProgress({ kind: 'loaded', id, references })
    return loaded
  })
}

/**
 * Reads an archive of one image, and records that without its names. All that was written before is on the disk then.
 *
 * @throws {InvalidOptionError} `INVALID_ARCHIVE` when there are several
 */
export function loadHidden(
  context: ImageContext,
  source: ArchiveSource,
  { recorded, onProgress = () => {}, ...request }: LoadHiddenRequest,
): Promise<void> {
  return withImages(context, source, { ...request, onProgress }, async (ready) => {
    const [image, ...others] = mergeNames(ready)
    if (image === undefined || others.length > 0)
      throw invalidArchive(`the archive has ${ready.length} images, where one is wanted`)
    await recordImages([{ ...image, references: [], isHidden: true }], context, ({ id }) => recorded(id))
  })
}

async function withImages<Result>(
  context: ImageContext,
  source: ArchiveSource,
  { maxBytes = Number.POSITIVE_INFINITY, signal, onProgress }: LoadRequest & { readonly onProgress: OnProgress },
  record: (ready: readonly ReadyImage[]) => Promise<Result>,
): Promise<Result> {
  let current = 0
  const onBytes = (more: number) => {
    current += more
    onProgress({ kind: 'bytes', current })
  }
  const archive = await openArchive(source, { ...context, maxBytes, signal, onBytes })
  try {
    const loader = new LayerLoader(context, signal, onProgress)
    const ready: ReadyImage[] = []
    for (const image of await findImages(archive)) ready.push(await prepareImage(loader, image))
    signal?.throwIfAborted()
    return await record(ready)
  } catch (error) {
    signal?.throwIfAborted()
    throw hostFailed(error)
  } finally {
    archive.close()
  }
}

/** What Docker says of names that other images lose. */
function movedNames({ records }: ImageContext, { document, references }: ReadyImage): string[] {
  const id = digestOf(document)
  return references.flatMap((name) => {
    const old = records.idOfTag(name)
    if (old === undefined || old === id) return []
    const shown = parseReference(name).familiar()
    return [`The image ${shown} already exists, renaming the old one with ID ${old} to empty string`]
  })
}

async function prepareImage(loader: LayerLoader, image: ImageSource): Promise<ReadyImage> {
  const { document, config, manifest, references } = image
  const layers = await loader.load(config.diffIds, image.layers)
  await manifest?.ingest()
  return { document, config, manifest: manifest?.digest, layers, references }
}

/** An OCI layout names an image once for each of its names. */
function mergeNames(images: readonly ReadyImage[]): ReadyImage[] {
  const byId = new Map<string, ReadyImage>()
  for (const image of images) {
    const id = digestOf(image.document)
    const references = [...(byId.get(id)?.references ?? []), ...image.references]
    byId.set(id, { ...(byId.get(id) ?? image), references: [...new Set(references)] })
  }
  return [...byId.values()]
}
