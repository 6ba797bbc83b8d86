import type { Digest } from '../content/digest.js'
import { decompress } from '../layer/index.js'
import type { LayerRow, RemoteLayerRow, ReplacedBlob } from '../store/images.js'
import { blobBytes, blobCompression, blobOf } from './blob-bytes.js'
import { type LayerBlobOf, layerType } from './documents/write-manifest.js'
import type { ImageContext } from './load.js'
import type { OnProgress } from './progress.js'
import { gzip } from './push-gzip.js'
import type { BlobSender, Report } from './push-sender.js'
import { together } from './together.js'

/** What a push has of an image, and where it goes. */
export interface PushContext {
  readonly context: ImageContext
  readonly sender: BlobSender
  readonly signal: AbortSignal | undefined
  readonly onProgress: OnProgress
}

export function reportFor({ onProgress }: PushContext, layer: string): Report {
  return (status, { current, total, from } = {}) =>
    onProgress({
      kind: 'layer',
      layer,
      status,
      ...(current !== undefined && { current }),
      ...(total !== undefined && { total }),
      ...(from !== undefined && { from }),
    })
}

/**
 * Sends layers, several at once, of which no manifest says what bytes they have in a registry. A layer that is not
 * compressed goes as the registry knows it already, as another image has it, or is compressed: once for all, because
 * the result is kept in place of the plain one.
 */
export class LayerPush {
  /** What is to be kept instead of what there was. */
  readonly replaced: ReplacedBlob[] = []
  readonly #push: PushContext

  constructor(push: PushContext) {
    this.#push = push
  }

  send(rows: readonly LayerRow[]): Promise<LayerBlobOf[]> {
    const { context, signal } = this.#push
    for (const { diff_id } of rows) reportFor(this.#push, diff_id)('waiting')
    const task = (row: LayerRow) => (stop: AbortSignal) => context.uploads.run(() => this.#send(row, stop), stop)
    return together(rows.map(task), signal)
  }

  async #send(row: LayerRow, signal: AbortSignal): Promise<LayerBlobOf> {
    const { context, sender } = this.#push
    const report = reportFor(this.#push, row.diff_id)
    const local = await this.#local(row)
    const known = local ? undefined : await this.#known(row.diff_id, report, signal)
    if (known) return known
    const layer = local ?? (await this.#compress(row, report, signal))
    const read = (offset: number) => blobBytes(context.content, layer.digest, { offset })
    await sender.send({ blob: layer, diffId: row.diff_id, read, report }, signal)
    return layer
  }

  /** The layer's own blob, or that of another image, if it is compressed as registries want it. */
  async #local({ diff_id, blob }: LayerRow): Promise<LayerBlobOf | undefined> {
    const { content, records } = this.#push.context
    const blobs = new Set([blob, ...records.layerBlobs(diff_id).map((other) => other.blob)])
    for (const digest of blobs) {
      if (digest === null || !content.has(digest as Digest)) continue
      const compression = await blobCompression(content, digest as Digest)
      if (compression !== 'gzip' && compression !== 'zstd') continue
      const layer = { digest: digest as Digest, size: content.size(digest as Digest), compression } as const
      this.#keep(diff_id, blob, layer)
      return layer
    }
    return undefined
  }

  async #known(diffId: string, report: Report, signal: AbortSignal): Promise<LayerBlobOf | undefined> {
    for (const row of this.#push.sender.known(diffId)) {
      const compression = compressionOf(row)
      if (compression === undefined) continue
      const blob = { digest: row.digest as Digest, size: row.size, compression }
      if (await this.#push.sender.find({ blob, diffId, report }, signal)) return blob
    }
    return undefined
  }

  async #compress(row: LayerRow, report: Report, signal: AbortSignal): Promise<LayerBlobOf> {
    const { content } = this.#push.context
    const plain = blobOf(row)
    const total = content.size(plain)
    report('compressing', { current: 0, total })
    const source = counted(blobBytes(content, plain), (current) => report('compressing', { current, total }))
    const compressed = await content.ingest(gzip(decompress(source)), { signal })
    const layer = { ...compressed, compression: 'gzip' } as const
    this.#keep(row.diff_id, plain, layer)
    return layer
  }

  #keep(diff_id: string, from: string | null, { digest, compression }: LayerBlobOf): void {
    if (from === null || from === digest) return
    this.replaced.push({ diff_id, from, blob: digest, media_type: layerType('docker', compression) })
  }
}

function compressionOf({ media_type }: RemoteLayerRow): 'gzip' | 'zstd' | undefined {
  return /[.+](gzip|zstd)$/.exec(media_type)?.[1] as 'gzip' | 'zstd' | undefined
}

async function* counted(
  source: AsyncIterable<Buffer>,
  onBytes: (current: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  let current = 0
  for await (const chunk of source) {
    yield chunk
    current += chunk.length
    onBytes(current)
  }
}
