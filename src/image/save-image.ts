import { type Digest, digestOf } from '../content/digest.js'
import type { LayerRow } from '../store/images.js'
import { blobCompression, blobOf } from './blob-bytes.js'
import {
  type Annotations,
  type LayerBlobOf,
  layerType,
  ociManifest,
  type TypedBlob,
  type WrittenDocument,
  writeManifest,
} from './documents/write-manifest.js'
import { noSuchImage } from './image-errors.js'
import { type KeptManifest, keptManifest } from './kept-manifest.js'
import type { LayerStore } from './layers.js'

/** The documents and layers of an image, as an archive is to have them. */
export interface SavableImage {
  readonly config: { readonly digest: Digest; readonly bytes: Buffer }
  readonly manifest: WrittenDocument & { readonly digest: Digest }
  /** Bottom first. */
  readonly layers: readonly (TypedBlob & { readonly diffId: string })[]
}

/**
 * What is to be saved of an image. Its layers stay as they are stored, and so does the manifest that it came with,
 * if that speaks of these very layers and may stand in the archive; else one is made.
 */
export async function savableImage(store: LayerStore, id: string, isOciOnly: boolean): Promise<SavableImage> {
  const { records } = store
  const row = records.getUsed(id)
  if (row === undefined) throw noSuchImage(id)
  const config = { digest: id as Digest, bytes: Buffer.from(row.config) }
  const rows = records.layers(id)
  const kept = await keptManifest(store, row)
  const isKept = kept && (!isOciOnly || kept.mediaType === ociManifest)
  const own = isKept ? describedBy(store, kept, rows) : undefined
  return { config, ...(own ?? (await madeManifest(store, config, rows, kept?.manifest.annotations))) }
}

type Described = Pick<SavableImage, 'manifest' | 'layers'>

/** What a manifest says, as far as its layers are those of the image, and here. */
function describedBy(
  { content }: LayerStore,
  { manifest: parsed, ...manifest }: KeptManifest,
  rows: readonly LayerRow[],
): Described | undefined {
  if (parsed.layers.length !== rows.length) return undefined
  if (!parsed.layers.every((layer) => content.has(layer.digest))) return undefined
  return { manifest, layers: parsed.layers.map((layer, at) => ({ ...layer, diffId: rows[at]?.diff_id as string })) }
}

/** A manifest of layers as they are stored. */
export async function madeManifest(
  { content }: Pick<LayerStore, 'content'>,
  config: SavableImage['config'],
  rows: readonly LayerRow[],
  annotations?: Annotations,
): Promise<Described> {
  const blobs: LayerBlobOf[] = []
  for (const row of rows) {
    const digest = blobOf(row)
    // The readers of archives look at the bytes: what has no media type passes for plain.
    const compression = (await blobCompression(content, digest)) ?? 'none'
    blobs.push({ digest, size: content.size(digest), compression })
  }
  const document = writeManifest('oci', { digest: config.digest, size: config.bytes.length }, blobs, annotations)
  const layers = blobs.map((blob, at) => ({
    ...blob,
    mediaType: layerType('oci', blob.compression),
    diffId: rows[at]?.diff_id as string,
  }))
  return { manifest: { ...document, digest: digestOf(document.bytes) }, layers }
}
