import type { Digest } from '../content/digest.js'
import type { Repository } from '../registry/types.js'
import type { RemoteLayerRow } from '../store/images.js'
import { traced } from '../tracing/index.js'
import type { LayerBlob, LayerSource } from './archive/image-source.js'
import type { Descriptor } from './documents/manifest.js'
import type { ImageContext } from './load.js'
import type { LayerStatus, OnProgress } from './progress.js'

/** A layer that a repository has, and that is fetched when nobody here has a blob for it. */
export function remoteLayer(
  context: ImageContext,
  repository: Repository,
  descriptor: Descriptor,
  diffId: string,
  onProgress: OnProgress,
): LayerSource {
  const { digest, size, mediaType } = descriptor
  const { content, downloads } = context
  const blob = { digest, size }
  const report = (status: LayerStatus, current: number) =>
    onProgress({ kind: 'layer', layer: digest, status, current, total: size })

  return {
    name: digest,
    mediaType,
    async ingest({ signal, follow } = {}) {
      const present = presentBlob(context, descriptor, diffId)
      if (present) return present
      const download = async () => {
        report('downloading', 0)
        const onBytes = (current: number) => report(current < size ? 'downloading' : 'verifying', current)
        const bytes = repository.blob(blob, { signal })
        return traced('inboard:layer.download', tracedDownload(repository, blob), () =>
          content.ingest(bytes, { expected: blob, onBytes, follow, signal }),
        )
      }
      // The claim first: who waits for somebody else's download takes no place of those who have something to do.
      return content.obtain(blob, () => downloads.run(download, signal), signal)
    },
  }
}

/** What is told of a blob's download. */
export const tracedDownload =
  ({ name }: Repository, { digest, size: sizeBytes }: Pick<Descriptor, 'digest' | 'size'>) =>
  () => ({ digest, sizeBytes, repository: name })

/** The very blob, or another one of the same layer: compressed otherwise, or not at all. */
function presentBlob({ content, records }: ImageContext, blob: Descriptor, diffId: string): LayerBlob | undefined {
  if (content.has(blob.digest)) return blob
  for (const { blob: other, media_type } of records.layerBlobs(diffId)) {
    const digest = other as Digest
    if (content.has(digest)) return { digest, size: content.size(digest), mediaType: media_type ?? undefined }
  }
  return undefined
}

/** What is known of a repository once one of its manifests was read. */
export function remoteLayerRows(
  repository: string,
  layers: readonly Descriptor[],
  diffIds: readonly string[],
): RemoteLayerRow[] {
  return layers.map(({ digest, size, mediaType }, at) => ({
    diff_id: diffIds[at] as string,
    repository,
    digest,
    size,
    media_type: mediaType,
  }))
}
