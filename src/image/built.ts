import { type Digest, digestOf } from '../content/digest.js'
import type { LayerRow } from '../store/images.js'
import { blobOf } from './blob-bytes.js'
import { type ImageConfig, parseConfig } from './documents/config.js'
import { tellMade } from './events.js'
import { LayerLoader, type StoredLayer, verifyDepth } from './layers.js'
import type { ImageContext } from './load.js'
import { only } from './only.js'
import { type ReadyImage, recordFetched } from './record.js'
import { madeManifest } from './save-image.js'
import { squashLayers } from './squash.js'
import { parseTag } from './tag.js'
import type { ImageLayer, LoadedImage } from './types.js'

/** What a build has come to, for one platform. */
export interface BuiltImage {
  /** Bottom first; their blobs and files are here. */
  readonly layers: readonly ImageLayer[]
  /** Those above the first so many become one; none by default. */
  readonly squashAbove?: number | undefined
  /** The configuration document of an image that has these layers. */
  document(diffIds: readonly Digest[]): Buffer
  /** Of the image's manifest: what pushes and archives say of it. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface RecordBuiltRequest extends BuiltImage {
  /** The names that it gets; other images lose them. */
  readonly references: readonly string[]
  readonly signal?: AbortSignal | undefined
}

/**
 * Records what was built, with its names, in one transaction. It can be built again, and so gets to the disk behind the
 * answer, as its steps do. To be called within a change, see `collection.ts`.
 *
 * @throws {LayerError} `TOO_MANY_LAYERS`; {InvalidOptionError} `INVALID_REFERENCE`
 */
export async function recordBuilt(context: ImageContext, request: RecordBuiltRequest): Promise<LoadedImage> {
  const { annotations, signal } = request
  const references = [...new Set(request.references.map((name) => parseTag(name).toString()))]
  const given = await ownLayers(context, request, signal)
  const document = request.document(given.map(({ diffId }) => diffId))
  const config = parseConfig(document, 'configuration')
  const layers = await storedLayers(context, config, given, signal)
  const ready = { document, config, layers, references, manifest: undefined, isNamedHere: true }
  const manifest = annotations && (await annotatedManifest(context, ready, annotations))
  signal?.throwIfAborted()
  const id = digestOf(document)
  const [image] = recordFetched([{ ...ready, manifest }], context, (made) => {
    // Of an image that was here before.
    if (manifest) context.records.recordPush({ image: id, manifest, blobs: [], references: [], remoteLayers: [] })
    tellMade(context.tell, made)
  })
  return image as LoadedImage
}

/** The layers that it is to have. */
export async function ownLayers(
  context: ImageContext,
  { layers, squashAbove }: BuiltImage,
  signal: AbortSignal | undefined,
): Promise<readonly ImageLayer[]> {
  return squashAbove === undefined ? layers : squashLayers(context, layers, squashAbove, signal)
}

/** They are looked up; what somebody has removed meanwhile is made once more from its blob. */
async function storedLayers(
  context: ImageContext,
  { diffIds }: ImageConfig,
  layers: readonly ImageLayer[],
  signal: AbortSignal | undefined,
): Promise<StoredLayer[]> {
  const { records, snapshots, content } = context
  verifyDepth(layers.length)
  const rows = layers.map((layer) => rowOf(context, layer))
  const found = rows.map((row) => {
    const snapshot = records.snapshot(row.chain_id)
    return snapshot && snapshots.has(row.chain_id) ? { row, snapshot, isMade: false } : undefined
  })
  if (found.every((layer) => layer !== undefined)) return found
  const loader = new LayerLoader(context, signal, () => {})
  const sourceOf = (row: LayerRow) => {
    const digest = blobOf(row)
    return { mediaType: row.media_type ?? undefined, ingest: async () => ({ digest, size: content.size(digest) }) }
  }
  return loader.load(diffIds, rows.map(sourceOf))
}

/** A layer with a blob that is here: a push may have replaced the one that it came as. */
export function rowOf({ records, content }: ImageContext, layer: ImageLayer): LayerRow {
  const { diffId: diff_id, chainId: chain_id, blob = null, mediaType: media_type = null } = layer
  const blobs = [{ blob, media_type }, ...records.layerBlobs(diff_id)]
  const stored = blobs.find((other) => other.blob !== null && content.has(other.blob as Digest))
  return { diff_id, chain_id, blob, media_type, ...stored }
}

/** Annotations are kept in a manifest of the image's own: from there pushes and archives take them. */
async function annotatedManifest(
  context: ImageContext,
  { document, layers }: Pick<ReadyImage, 'document' | 'layers'>,
  annotations: Readonly<Record<string, string>>,
): Promise<Digest> {
  const { records, content, disk } = context
  const config = { digest: digestOf(document), bytes: document }
  const isHere = records.has(config.digest)
  const rows = isHere ? records.layers(config.digest) : layers.map(({ row }) => row)
  const { manifest } = await madeManifest(context, config, rows, annotations)
  const { digest } = await content.ingest(only(manifest.bytes))
  // The record of an image that was here before has no mark that would have this looked at after a power cut.
  if (isHere) await disk.sync()
  return digest
}
