import type { Digest } from '../content/digest.js'
import { chainIds, packChanges, packMerged } from '../layer/index.js'
import { verifyFiles } from './built-files.js'
import { layerTar } from './documents/media-types.js'
import { emptyLayer } from './empty-layer.js'
import type { ImageContext } from './load.js'
import type { ImageLayer } from './types.js'

/**
 * Makes one layer of those above the first `kept` ones. Its blob is here then, its files are not. To be called within a
 * change, see `collection.ts`.
 *
 * @param layers bottom first
 * @throws {NotFoundError} `CONTENT_NOT_FOUND`; {LayerError} `LAYER_INVALID`
 */
export async function squashLayers(
  context: ImageContext,
  layers: readonly ImageLayer[],
  kept: number,
  signal: AbortSignal | undefined,
): Promise<readonly ImageLayer[]> {
  if (layers.length < kept + 2) return layers
  verifyFiles(context, layers)
  const base = layers.slice(0, kept)
  const { digest } = await context.content.ingestMade(async (path) => {
    const { diffId, size } = await pack(context, layers, kept, path, signal)
    return { digest: diffId as Digest, size }
  })
  if (digest === emptyLayer) return base
  const diffIds = [...base.map(({ diffId }) => diffId), digest]
  const chainId = chainIds(diffIds).at(-1) as string
  return [...base, { diffId: digest, chainId, blob: digest, mediaType: layerTar }]
}

function pack(
  { snapshots }: ImageContext,
  layers: readonly ImageLayer[],
  kept: number,
  path: string,
  signal: AbortSignal | undefined,
) {
  const chain = layers.map(({ chainId }) => chainId).reverse()
  const own = snapshots.layers(chain)
  const base = snapshots.layers(chain.slice(chain.length - kept))
  if (snapshots.name === 'overlay') return packMerged(own.slice(0, own.length - kept), base, path, { signal })
  // Each layer is a whole tree.
  return packChanges({ own: own[0] as string, format: 'merged', base }, path, { signal })
}
