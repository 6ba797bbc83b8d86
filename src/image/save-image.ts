import { type Digest, digestOf } from '../content/digest.js'
import type { LayerRow } from '../store/images.js'
import { blobCompression, blobOf } from './blob-bytes.js'
import { maxManifestBytes, parseManifest } from './documents/manifest.js'
import {
  type LayerBlobOf,
  layerType,
  ociManifest,
  type TypedBlob,
  type WrittenDocument,
  writeManifest,
} from './documents/write-manifest.js'
import { noSuchImage } from './image-errors.js'
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
  const row = records.get(id)
  if (row === undefined) throw noSuchImage(id)
  const config = { digest: id as Digest, bytes: Buffer.from(row.config) }
  const rows = records.layers(id)
  const own = row.manifest === null ? undefined : await ownManifest(store, row.manifest as Digest, rows)
  const isKept = own !== undefined && (!isOciOnly || own.manifest.mediaType === ociManifest)
  return { config, ...(isKept ? own : await madeManifest(store, config, rows)) }
}

type Described = Pick<SavableImage, 'manifest' | 'layers'>

async function ownManifest({ content }: LayerStore, digest: Digest, rows: readonly LayerRow[]) {
  if (!content.has(digest)) return undefined
  const bytes = await content.read(digest, maxManifestBytes)
  const parsed = parseManifest(bytes, undefined, digest)
  if (parsed.kind !== 'manifest' || parsed.layers.length !== rows.length) return undefined
  if (!parsed.layers.every((layer) => content.has(layer.digest))) return undefined
  const layers = parsed.layers.map((layer, at) => ({ ...layer, diffId: rows[at]?.diff_id as string }))
  return { manifest: { mediaType: parsed.mediaType ?? ociManifest, bytes, digest }, layers } satisfies Described
}

async function madeManifest(
  { content }: LayerStore,
  config: SavableImage['config'],
  rows: readonly LayerRow[],
): Promise<Described> {
  const blobs: LayerBlobOf[] = []
  for (const row of rows) {
    const digest = blobOf(row)
    // The readers of archives look at the bytes: what has no media type passes for plain.
    const compression = (await blobCompression(content, digest)) ?? 'none'
    blobs.push({ digest, size: content.size(digest), compression })
  }
  const document = writeManifest('oci', { digest: config.digest, size: config.bytes.length }, blobs)
  const layers = blobs.map((blob, at) => ({
    ...blob,
    mediaType: layerType('oci', blob.compression),
    diffId: rows[at]?.diff_id as string,
  }))
  return { manifest: { ...document, digest: digestOf(document.bytes) }, layers }
}
