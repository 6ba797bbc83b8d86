import type { Native } from '../host/native.js'
import type { ImageSource } from './archive/image-source.js'
import { findImages, openArchive } from './archive/open-archive.js'
import { type ArchiveSource, hostFailed } from './archive/source.js'
import { LayerLoader, type LayerStore } from './layers.js'
import { type ReadyImage, recordImages } from './record.js'
import type { LoadedImage, LoadProgress } from './types.js'

export interface LoadOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: LoadProgress) => void
}

export interface ImageContext extends LayerStore {
  readonly root: string
  readonly native: Native
}

/** Reads an archive and records its images, all or none. To be called within a change, see `collection.ts`. */
export async function loadArchive(
  context: ImageContext,
  source: ArchiveSource,
  { signal, onProgress = () => {} }: LoadOptions,
): Promise<LoadedImage[]> {
  let bytes = 0
  const onBytes = (more: number) => {
    bytes += more
    onProgress({ kind: 'read', bytes })
  }
  const archive = await openArchive(source, { ...context, signal, onBytes })
  try {
    const loader = new LayerLoader(context, signal, onProgress)
    const ready: ReadyImage[] = []
    for (const image of await findImages(archive)) ready.push(await prepareImage(loader, image))
    signal?.throwIfAborted()
    return await recordImages(ready, context)
  } catch (error) {
    signal?.throwIfAborted()
    throw hostFailed(error)
  } finally {
    archive.close()
  }
}

async function prepareImage(loader: LayerLoader, image: ImageSource): Promise<ReadyImage> {
  const { document, config, manifest, references } = image
  const layers = await loader.load(config.diffIds, image.layers)
  await manifest?.ingest()
  return { document, config, manifest: manifest?.digest, layers, references }
}
