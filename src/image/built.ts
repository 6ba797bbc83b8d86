import { type Digest, digestOf } from '../content/digest.js'
import { type ImageConfig, parseConfig } from './documents/config.js'
import { layerTar } from './documents/media-types.js'
import { tellMade } from './events.js'
import { LayerLoader, type StoredLayer, verifyDepth } from './layers.js'
import type { ImageContext } from './load.js'
import { only } from './only.js'
import { type ReadyImage, recordFetched } from './record.js'
import { madeManifest } from './save-image.js'
import { parseTag } from './tag.js'
import type { ImageLayer, LoadedImage } from './types.js'

/** What a build has come to, for one platform. */
export interface BuiltImage {
  /** Bottom first; their blobs and files are here. */
  readonly layers: readonly ImageLayer[]
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
  const { layers: given, annotations, signal } = request
  const references = [...new Set(request.references.map((name) => parseTag(name).toString()))]
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

/** They are looked up; what somebody has removed meanwhile is made once more from its blob. */
async function storedLayers(
  context: ImageContext,
  { diffIds }: ImageConfig,
  layers: readonly ImageLayer[],
  signal: AbortSignal | undefined,
): Promise<StoredLayer[]> {
  verifyDepth(layers.length)
  const found = layers.map((layer) => storedLayer(context, layer))
  if (found.every((layer) => layer !== undefined)) return found
  const loader = new LayerLoader(context, signal, () => {})
  const sources = layers.map(({ blob: digest, mediaType = layerTar, diffId }) => ({
    mediaType,
    ingest: async () => ({ digest: digest ?? diffId, size: context.content.size(digest ?? diffId) }),
  }))
  return loader.load(diffIds, sources)
}

function storedLayer(context: ImageContext, { chainId, diffId, blob, mediaType }: ImageLayer): StoredLayer | undefined {
  const { records, snapshots, content } = context
  const snapshot = records.snapshot(chainId)
  if (snapshot === undefined || !snapshots.has(chainId)) return undefined
  // A push may have replaced the blob by a compressed one.
  const blobs = [{ blob: blob ?? null, media_type: mediaType ?? null }, ...records.layerBlobs(diffId)]
  const stored = blobs.find((other) => other.blob !== null && content.has(other.blob as Digest))
  return stored && { row: { diff_id: diffId, chain_id: chainId, ...stored }, snapshot, isMade: false }
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
