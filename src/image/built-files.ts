import { NotFoundError } from '../errors/index.js'
import { type ExportedTree, packExport } from '../layer/index.js'
import type { LayerStore } from './layers.js'
import type { ImageLayer } from './types.js'

/** Files that leave the engine: those of layers, bottom first. */
export interface ExportedFiles extends Omit<ExportedTree, 'layers'> {
  readonly layers: readonly ImageLayer[]
}

/**
 * The files of several results of builds as one tar, made while it is read. To be called while collectors are kept away, see
 * `collection.ts`.
 *
 * @throws {NotFoundError} `CONTENT_NOT_FOUND`
 */
export function builtFiles(
  store: Pick<LayerStore, 'snapshots'>,
  files: readonly ExportedFiles[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const trees = files.map(({ layers, ...form }) => {
    verifyFiles(store, layers)
    return { ...form, layers: store.snapshots.layers(layers.map(({ chainId }) => chainId).reverse()) }
  })
  return packExport(trees, { signal })
}

/** @throws {NotFoundError} `CONTENT_NOT_FOUND` when the files of a layer are not here */
export function verifyFiles({ snapshots }: Pick<LayerStore, 'snapshots'>, layers: readonly ImageLayer[]): void {
  const missing = layers.find(({ chainId }) => !snapshots.has(chainId))
  if (missing === undefined) return
  throw new NotFoundError(`The layer ${missing.diffId} is gone: it was removed while a build needed it.`, {
    code: 'CONTENT_NOT_FOUND',
    details: { digest: missing.diffId, chainId: missing.chainId },
  })
}
