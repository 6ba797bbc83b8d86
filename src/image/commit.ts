import type { Digest } from '../content/digest.js'
import type { PackResult } from '../layer/index.js'
import type { ImageRunConfig } from '../spec/options.js'
import type { ImageRow, LayerRow } from '../store/images.js'
import { applyChanges } from './changes.js'
import { parseConfig } from './documents/config.js'
import { layerTar } from './documents/media-types.js'
import { emptyLayer } from './empty-layer.js'
import { tellMade } from './events.js'
import { noSuchImage } from './image-errors.js'
import { LayerLoader, verifyDepth } from './layers.js'
import type { ImageContext } from './load.js'
import { recordImages } from './record.js'
import { parseTag } from './tag.js'
import type { HistoryEntry, LoadedImage } from './types.js'

export interface CommitImageRequest {
  /** The image that it is based on: its container's. */
  readonly parent: string
  /** The image's name; none by default. */
  readonly reference?: string | undefined
  readonly author?: string | undefined
  readonly message?: string | undefined
  /** What containers of the image begin with, before the changes. */
  readonly config: ImageRunConfig
  /** Dockerfile instructions. */
  readonly changes?: readonly string[] | undefined
  /** The command that made it. */
  readonly createdBy: string
  /** Nobody sees it: it is there for what refers to it when `recorded` returns, and does not keep its parent. */
  readonly isHidden?: boolean
  /** Called in the transaction that records the image. */
  recorded(image: LoadedImage): void
  /** Makes the layer: an uncompressed tar at a path. */
  pack(file: string): Promise<PackResult>
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes an image of another one and a layer on top. To be called within a change, see `collection.ts`.
 *
 * @throws {LayerError} `TOO_MANY_LAYERS`
 */
export async function commitImage(context: ImageContext, request: CommitImageRequest): Promise<LoadedImage> {
  const { parent, signal, isHidden = false } = request
  const name = request.reference === undefined ? undefined : parseTag(request.reference).toString()
  const config = applyChanges(request.config, request.changes ?? [])
  const base = context.records.getUsed(parent)
  if (!base) throw noSuchImage(parent)
  const below = context.records.layers(parent)
  const blob = await context.content.ingestMade(async (path) => {
    const { diffId, size } = await request.pack(path)
    return { digest: diffId as Digest, size }
  })
  const isEmpty = blob.digest === emptyLayer
  verifyDepth(below.length + (isEmpty ? 0 : 1))
  const document = commitDocument(base, { ...request, config, diffId: isEmpty ? undefined : blob.digest })
  const parsed = parseConfig(document, 'configuration')
  const loader = new LayerLoader(context, signal, () => {})
  const own = isEmpty ? [] : [{ mediaType: layerTar, ingest: async () => blob }]
  const layers = await loader.load(parsed.diffIds, [...below.map(sourceOf), ...own])
  signal?.throwIfAborted()
  const references = name === undefined ? [] : [name]
  const [image] = await recordImages(
    [
      {
        document,
        config: parsed,
        manifest: undefined,
        layers,
        references,
        isNamedHere: true,
        isHidden,
        parent: isHidden ? undefined : base.id,
      },
    ],
    context,
    (made) => {
      tellMade(context.tell, made)
      request.recorded(made)
    },
  )
  return image as LoadedImage
}

/** A layer that is here, with the blob it came as. */
function sourceOf({ blob, media_type }: LayerRow) {
  return { mediaType: media_type ?? undefined, ingest: async () => ({ digest: blob as Digest, size: 0 }) }
}

interface Committed extends Pick<CommitImageRequest, 'author' | 'message' | 'createdBy' | 'config'> {
  readonly diffId: Digest | undefined
}

/** What the base says of its platform stays, also what we know nothing of. */
function commitDocument(base: ImageRow, { author, message, createdBy, config, diffId }: Committed): Buffer {
  const { id, parent, container, container_config, docker_version, ...document } = JSON.parse(base.config) as {
    [key: string]: unknown
    rootfs: { diff_ids?: readonly string[] }
    history?: readonly HistoryEntry[]
  }
  const created = new Date().toISOString()
  const entry: HistoryEntry = {
    created,
    ...(author && { author }),
    created_by: createdBy,
    ...(message && { comment: message }),
    ...(diffId === undefined && { empty_layer: true }),
  }
  return Buffer.from(
    JSON.stringify({
      ...document,
      created,
      author: author || undefined,
      comment: message || undefined,
      config,
      rootfs: { type: 'layers', diff_ids: [...(document.rootfs.diff_ids ?? []), ...(diffId ? [diffId] : [])] },
      history: [...(document.history ?? []), entry],
    }),
  )
}
