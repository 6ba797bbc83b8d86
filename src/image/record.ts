import { closeSync, openSync } from 'node:fs'
import { type Digest, digestOf } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import type { Native } from '../host/native.js'
import { parseReference } from '../reference/reference.js'
import type { ImageRecords, NewImage, RemoteLayerRow } from '../store/images.js'
import type { ImageConfig } from './documents/config.js'
import type { StoredLayer } from './layers.js'
import type { LoadedImage } from './types.js'

/** An image whose layers are in place, to be recorded. */
export interface ReadyImage {
  readonly document: Buffer
  readonly config: ImageConfig
  readonly manifest: Digest | undefined
  readonly layers: readonly StoredLayer[]
  /** Normalised. */
  readonly references: readonly string[]
  /** Whether somebody here gave it its names, and not whoever made it. */
  readonly isNamedHere?: boolean
  /** The local image that it was committed from. */
  readonly parent?: string | undefined
  /** Where its layers came from. */
  readonly remoteLayers?: readonly RemoteLayerRow[]
}

/**
 * Makes images visible, all of them or none. What they consist of is on the disk before the records are: after a power
 * cut there is no image whose files are missing.
 */
export async function recordImages(
  images: readonly ReadyImage[],
  { root, native, records }: { root: string; native: Pick<Native, 'syncfs'>; records: ImageRecords },
): Promise<LoadedImage[]> {
  failpoint('images.sync')
  await syncFilesystem(root, native)
  failpoint('images.record')
  records.putAll(images.map(toRow))
  return images.map(({ document, references }) => ({
    id: digestOf(document),
    references: references.map((reference) => parseReference(reference).familiar()),
  }))
}

/** Before what is on the disk is recorded. */
export async function syncFilesystem(root: string, native: Pick<Native, 'syncfs'>): Promise<void> {
  const descriptor = openSync(root, 'r')
  try {
    await native.syncfs(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function toRow(image: ReadyImage): NewImage {
  const { document, config, manifest, layers, references, isNamedHere = false, parent, remoteLayers } = image
  return {
    id: digestOf(document),
    config: document.toString('utf8'),
    manifest: manifest ?? null,
    size: layers.reduce((sum, { snapshot }) => sum + snapshot.size, 0),
    created_at: config.createdAt,
    layers: layers.map(({ row }) => row),
    snapshots: layers.map(({ snapshot }) => snapshot),
    references,
    parent: parent ?? null,
    tagged_at: isNamedHere && references.length > 0 ? Date.now() : null,
    remoteLayers,
  }
}
