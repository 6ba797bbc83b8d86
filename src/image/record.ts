import { type Digest, digestOf } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { parseReference } from '../reference/reference.js'
import type { ImageRecords, NewImage, RemoteLayerRow } from '../store/images.js'
import type { Disk } from './disk.js'
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
  /** Nobody sees it: there for what names it only. */
  readonly isHidden?: boolean
  /** Where its layers came from. */
  readonly remoteLayers?: readonly RemoteLayerRow[]
}

interface Recording {
  readonly records: ImageRecords
  readonly disk: Disk
}

/**
 * Makes images visible, all of them or none, that exist nowhere else. What they consist of is on the disk before the
 * records are: after a power cut there is no image whose files are missing.
 *
 * @param tell called for each in the transaction that records them
 */
export async function recordImages(
  images: readonly ReadyImage[],
  recording: Recording,
  tell: (image: LoadedImage) => void,
): Promise<LoadedImage[]> {
  await recording.disk.sync()
  return put(images, recording, tell)
}

/**
 * Makes images visible, all of them or none, that can be had again from where they came. Not all of them is on the disk
 * then, and so they are marked; {@link Disk.syncLater} is to follow.
 */
export function recordFetched(
  images: readonly ReadyImage[],
  recording: Recording,
  tell: (image: LoadedImage) => void,
): LoadedImage[] {
  return put(images, recording, tell, recording.disk.mark())
}

function put(
  images: readonly ReadyImage[],
  { records }: Recording,
  tell: (image: LoadedImage) => void,
  mark?: string,
): LoadedImage[] {
  failpoint('images.record')
  const loaded = images.map(({ document, references }) => ({
    id: digestOf(document),
    references: references.map((reference) => parseReference(reference).familiar()),
  }))
  records.putAll(images.map(toRow), { mark, recorded: () => loaded.forEach(tell) })
  return loaded
}

function toRow(image: ReadyImage): NewImage {
  const {
    document,
    config,
    manifest,
    layers,
    references,
    isNamedHere = false,
    isHidden = false,
    parent,
    remoteLayers,
  } = image
  return {
    id: digestOf(document),
    config: document.toString('utf8'),
    manifest: manifest ?? null,
    size: layers.reduce((sum, { snapshot }) => sum + snapshot.size, 0),
    created_at: config.createdAt,
    layers: layers.map(({ row }) => row),
    snapshots: layers.map(({ snapshot, isMade }) => ({ ...snapshot, isMade })),
    references,
    parent: parent ?? null,
    tagged_at: isNamedHere && references.length > 0 ? Date.now() : null,
    remoteLayers,
    isHidden,
  }
}
