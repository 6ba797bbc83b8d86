import type { Change, Comparison } from './compare.js'
import type { PackChangesResult, SettleOptions } from './layer-jobs.js'
import type { PackOptions } from './pack.js'
import { packStream } from './pack-stream.js'
import { runJob } from './worker-pool.js'

/**
 * What differs between a tree and what it was made from, in the order of a walk: a directory before what is in it, names
 * sorted. The tree may change meanwhile; nothing outside of it is looked at.
 */
export function compare(comparison: Comparison, { signal }: PackOptions = {}): Promise<Change[]> {
  return runJob('compare', comparison, { signal })
}

/**
 * Packs what differs as a layer, with whiteouts for what was deleted, into an uncompressed tar at `file`, which must not
 * exist yet. After a failure there is no file.
 *
 * @throws {LayerError} LAYER_INVALID for a name that a layer cannot have; {SyscallError}
 */
export function packChanges(
  comparison: Comparison,
  file: string,
  { signal, settle }: PackChangesOptions = {},
): Promise<PackChangesResult> {
  return runJob('packChanges', { ...comparison, path: file, settle }, { signal })
}

export interface PackChangesOptions extends PackOptions {
  readonly settle?: SettleOptions | undefined
}

/**
 * Packs the files that overlay layers show when they are merged, or those of a single tree, as a tar: its bytes, made as
 * fast as they are read. What is left early is stopped.
 *
 * @param layers directories, top first; missing ones are empty
 */
export function packTree(
  layers: readonly string[],
  { signal }: PackOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  return packStream((output, options) => runJob('packTree', { layers, output }, options), signal)
}
