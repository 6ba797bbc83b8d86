import { type Digest, digestOf } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { parseReference } from '../reference/reference.js'
import type { Repository } from '../registry/types.js'
import type { ImageRow, LayerRow, PushRecord, RemoteLayerRow } from '../store/images.js'
import { blobBytes } from './blob-bytes.js'
import type { Manifest } from './documents/manifest.js'
import {
  type Annotations,
  formatFor,
  layerType,
  type TypedBlob,
  type WrittenDocument,
  writeManifest,
} from './documents/write-manifest.js'
import { noSuchImage } from './image-errors.js'
import { type KeptManifest, keptManifest } from './kept-manifest.js'
import type { ImageContext } from './load.js'
import { only } from './only.js'
import { LayerPush, type PushContext, reportFor } from './push-layers.js'
import { together } from './together.js'

/** An image whose blobs are in the repository; what remains is its manifest. */
export interface SentImage extends WrittenDocument {
  readonly digest: Digest
  readonly record: Omit<PushRecord, 'references'>
}

/**
 * Brings all blobs of an image to a repository, and says what its manifest is: the one it came with, byte for byte,
 * wherever that can be had.
 */
export async function sendImage(push: PushContext, repository: Repository, id: string): Promise<SentImage> {
  const { records } = push.context
  const row = records.get(id)
  if (row === undefined) throw noSuchImage(id)
  const layers = records.layers(id)
  // Who cannot be reached, or refuses, says so before anything is compressed.
  await push.sender.find({ blob: configOf(row).blob, report: () => {} }, push.signal)
  const kept = await keptManifest(push.context, row)
  const isWhole = kept !== undefined && (await isSendable(push, row, layers, kept.manifest))
  const sent = isWhole
    ? await sendOwn(push, row, layers, kept)
    : await sendBuilt(push, row, layers, kept?.manifest.annotations)
  const remoteLayers = sent.layers.map((layer, at) => remoteLayer(repository, layers[at] as LayerRow, layer))
  return { ...sent, digest: digestOf(sent.bytes), record: { ...sent.record, remoteLayers } }
}

/** What a repository has after a push; to be kept together with the name that the manifest got. */
export async function recordPush(context: ImageContext, { record }: SentImage, references: string[]): Promise<void> {
  const isNew = record.manifest !== undefined || record.blobs.length > 0
  if (isNew) await context.disk.sync()
  failpoint('push.record')
  context.records.recordPush({ ...record, references })
}

interface Sent extends WrittenDocument {
  readonly layers: readonly TypedBlob[]
  readonly record: Omit<PushRecord, 'references' | 'remoteLayers'>
}

/** Whether the manifest that the image came with has its layers here, or in the registry as it names them. */
async function isSendable(
  push: PushContext,
  row: ImageRow,
  rows: readonly LayerRow[],
  manifest: Manifest,
): Promise<boolean> {
  const { context, sender, signal } = push
  if (manifest.config.digest !== row.id || manifest.layers.length !== rows.length) return false
  if (manifest.layers.some(isPlain) && !wasRemote(context, row.id)) return false
  const away = manifest.layers.flatMap((blob, at) => (context.content.has(blob.digest) ? [] : [{ blob, at }]))
  const look = ({ blob, at }: (typeof away)[number]) => {
    const diffId = rows[at]?.diff_id as string
    return (stop: AbortSignal) => sender.find({ blob, diffId, report: reportFor(push, diffId) }, stop)
  }
  const found = await together(away.map(look), signal)
  return found.every(Boolean)
}

/** Archives hold layers that are not compressed, as Docker writes them; registries should not, unless they had them so. */
function isPlain({ mediaType }: TypedBlob): boolean {
  return !/[.+](gzip|zstd)$/.test(mediaType)
}

function wasRemote({ records }: ImageContext, id: string): boolean {
  return records.references(id).some((name) => parseReference(name).digest !== undefined)
}

async function sendOwn(
  push: PushContext,
  row: ImageRow,
  rows: readonly LayerRow[],
  { manifest, mediaType, bytes }: KeptManifest,
): Promise<Sent> {
  const { context, sender, signal } = push
  const task = (blob: TypedBlob, at: number) => (stop: AbortSignal) => {
    const diffId = rows[at]?.diff_id as string
    const report = reportFor(push, diffId)
    const read = (offset: number) => blobBytes(context.content, blob.digest, { offset })
    report('waiting')
    return context.uploads.run(() => sender.send({ blob, diffId, read, report }, stop), stop)
  }
  await together(manifest.layers.map(task), signal)
  await sendConfig(push, row)
  return { mediaType, bytes, layers: manifest.layers, record: { image: row.id, blobs: [] } }
}

/** @param annotations of the manifest that it came with */
async function sendBuilt(
  push: PushContext,
  row: ImageRow,
  rows: readonly LayerRow[],
  annotations: Annotations = {},
): Promise<Sent> {
  const { context, signal } = push
  const layerPush = new LayerPush(push)
  try {
    const blobs = await layerPush.send(rows)
    const config = await sendConfig(push, row)
    const format = formatFor(blobs, annotations)
    const document = writeManifest(format, config, blobs, annotations)
    const { digest } = await context.content.ingest(only(document.bytes), { signal })
    const layers = blobs.map((blob) => ({ ...blob, mediaType: layerType(format, blob.compression) }))
    const replaced = layerPush.replaced
    return { ...document, layers, record: { image: row.id, manifest: digest, blobs: replaced } }
  } catch (error) {
    // What was compressed is not compressed again by the next try.
    await keepCompressed(context, row, layerPush).catch(() => {})
    throw error
  }
}

async function keepCompressed(context: ImageContext, { id, manifest }: ImageRow, { replaced }: LayerPush) {
  if (replaced.length === 0 || manifest !== null) return
  await context.disk.sync()
  context.records.recordPush({ image: id, blobs: replaced, references: [], remoteLayers: [] })
}

async function sendConfig({ sender, signal }: PushContext, row: ImageRow) {
  const { blob, bytes } = configOf(row)
  const read = (offset: number) => only(bytes.subarray(offset))
  await sender.send({ blob, read, report: () => {} }, signal)
  return blob
}

function configOf({ id, config }: ImageRow) {
  const bytes = Buffer.from(config)
  return { bytes, blob: { digest: id as Digest, size: bytes.length } }
}

function remoteLayer(
  { name }: Repository,
  { diff_id }: LayerRow,
  { digest, size, mediaType }: TypedBlob,
): RemoteLayerRow {
  return { diff_id, repository: name, digest, size, media_type: mediaType }
}
