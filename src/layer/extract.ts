import type { LayerFormat } from './extractor.js'
import type { ExtractResult } from './layer-jobs.js'
import type { TarLimits } from './tar-entry.js'
import { runJob } from './worker-pool.js'

/** A file that is still being written. */
export interface GrowingSource {
  /** How it is read until it is disposed of; `growth` is the memory of a `Growth`. */
  open(): { readonly path: string; readonly growth: SharedArrayBuffer } & Disposable
}

export interface ExtractOptions {
  readonly format: LayerFormat
  /** Bounds on the archive. */
  readonly limits?: TarLimits | undefined
  /**
   * The digest that the uncompressed tar must have. With it an archive without end marker is accepted, as Docker does;
   * without it such an archive counts as truncated.
   */
  readonly diffId?: string | undefined
  /** Stops the work; what was already written stays in `target`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Extracts a layer (a tar, plain or compressed with gzip or zstd) into an existing directory, on a worker thread, in one
 * streaming pass. The source is a file's path, a file that grows, or the bytes themselves. Whatever the archive holds, nothing outside of
 * `target` is touched. After a failure `target` holds a part of the layer and is to be discarded by its owner.
 *
 * @throws LayerError LAYER_INVALID, LAYER_ESCAPES or LAYER_TOO_LARGE; DigestMismatchError; SyscallError (a full disk)
 *
 * @example
 * ```ts
 * const { diffId, size } = await extractLayer('/var/lib/x/layer.tar.gz', directory, { format: 'overlay' })
 * ```
 */
export async function extractLayer(
  source: AsyncIterable<Uint8Array> | GrowingSource | string,
  target: string,
  { format, limits = {}, diffId, signal }: ExtractOptions,
): Promise<ExtractResult> {
  const request = { path: undefined, growth: undefined, target, format, limits, diffId }
  if (typeof source === 'string') return runJob('extract', { ...request, path: source }, { signal })
  if (Symbol.asyncIterator in source) return runJob('extract', request, { signal, source })
  using file = source.open()
  return await runJob('extract', { ...request, path: file.path, growth: file.growth }, { signal })
}
