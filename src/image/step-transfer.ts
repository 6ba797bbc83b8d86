import { constants, createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Digest } from '../content/digest.js'
import { digestOf } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { NotFoundError } from '../errors/index.js'
import type { Repository } from '../registry/types.js'
import type { LayerRow } from '../store/images.js'
import type { LayerSource } from './archive/image-source.js'
import { blobOf } from './blob-bytes.js'
import { layerType, type TypedBlob, type WrittenDocument } from './documents/write-manifest.js'
import { LayerLoader, type StoredLayer } from './layers.js'
import type { ImageContext } from './load.js'
import { only } from './only.js'
import type { OnProgress } from './progress.js'
import { remoteLayer } from './pull-layers.js'
import { LayerPush } from './push-layers.js'
import { BlobSender } from './push-sender.js'
import type { ImageLayer } from './types.js'

/** Where a layer is to be had: a blob that a repository has, or a file of the host. */
export interface LayerOrigin extends TypedBlob {
  readonly from: Repository | string
}

export interface FetchOptions {
  /** Undefined: nowhere but here. */
  originOf(layer: ImageLayer): LayerOrigin | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/**
 * Makes blobs and files of layers that are not here. To be called within a change, see `collection.ts`.
 *
 * @throws {DigestMismatchError} a blob, or what is in it, is not what was announced; {NotFoundError} `CONTENT_NOT_FOUND`
 */
export function fetchLayers(
  context: ImageContext,
  layers: readonly ImageLayer[],
  { originOf, signal, onProgress = () => {} }: FetchOptions,
): Promise<StoredLayer[]> {
  const sources = layers.map((layer) => localSource(context, layer) ?? originSource(context, layer, originOf(layer)))
  const loader = new LayerLoader(context, signal, onProgress)
  return loader.load(
    layers.map(({ diffId }) => diffId),
    sources,
  )
}

function localSource({ content, records }: ImageContext, layer: ImageLayer): LayerSource | undefined {
  const own = { blob: layer.blob ?? null, media_type: layer.mediaType ?? null }
  const found = [own, ...records.layerBlobs(layer.diffId)].find(({ blob }) => blob && content.has(blob as Digest))
  if (!found) return undefined
  const digest = found.blob as Digest
  return { mediaType: found.media_type ?? undefined, ingest: async () => ({ digest, size: content.size(digest) }) }
}

function originSource(context: ImageContext, layer: ImageLayer, origin: LayerOrigin | undefined): LayerSource {
  if (origin === undefined)
    throw new NotFoundError(`The layer ${layer.diffId} is not here, and no cache has it.`, {
      code: 'CONTENT_NOT_FOUND',
      details: { digest: layer.diffId },
    })
  const { from, ...blob } = origin
  if (typeof from !== 'string') {
    const descriptor = { ...blob, annotations: {}, platform: undefined, urls: [] }
    return remoteLayer(context, from, descriptor, layer.diffId, () => {})
  }
  const { digest, size, mediaType } = blob
  return {
    mediaType,
    ingest: (options) =>
      context.content.ingest(hostFile(from), { expected: { digest, size }, maxBytes: size, ...options }),
  }
}

/** The bytes of a file of the host, and nothing but a file. */
async function* hostFile(path: string): AsyncGenerator<Buffer, void, undefined> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  if (!(await handle.stat()).isFile()) return
  yield* createReadStream('', { fd: handle.fd, autoClose: false, highWaterMark: 512 * 1024 })
}

/** A document that is written once it is known which blobs it is about, and the manifest that names all of them. */
export interface CacheDocuments {
  readonly config: Buffer
  readonly manifest: WrittenDocument
}

export type DescribeCache = (blobs: readonly TypedBlob[]) => CacheDocuments

/**
 * Brings layers, a document about them, and a manifest under a tag to a repository. To be called within a change, see
 * `collection.ts`.
 *
 * @throws {RegistryError}; {AuthError}
 */
export async function pushLayers(
  context: ImageContext,
  rows: readonly LayerRow[],
  repository: Repository,
  tag: string,
  describe: DescribeCache,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const sender = new BlobSender(repository, context.records)
  const push = new LayerPush({ context, sender, signal, onProgress: () => {} })
  const blobs = (await push.send(rows)).map((blob) => ({ ...blob, mediaType: layerType('oci', blob.compression) }))
  const { config, manifest } = describe(blobs)
  const read = (offset: number) => only(config.subarray(offset))
  await sender.send({ blob: { digest: digestOf(config), size: config.length }, read, report: () => {} }, signal)
  failpoint('exchange.manifest')
  const digest = await repository.putManifest(tag, manifest.mediaType, manifest.bytes, { signal })
  // So that they are not compressed again for the next.
  context.records.putRemoteLayers(
    blobs.map(({ digest, size, mediaType }, at) => ({
      diff_id: (rows[at] as LayerRow).diff_id,
      repository: repository.name,
      digest,
      size,
      media_type: mediaType,
    })),
  )
  return digest
}

/** The blobs of layers as they are stored here. */
export function storedBlobs({ content }: ImageContext, rows: readonly LayerRow[]): TypedBlob[] {
  return rows.map((row) => {
    const digest = blobOf(row)
    return { digest, size: content.size(digest), mediaType: row.media_type ?? layerType('oci', 'none') }
  })
}
