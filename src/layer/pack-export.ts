import type { ExportForm } from './export-jobs.js'
import type { PackResult } from './layer-jobs.js'
import type { PackOptions } from './pack.js'
import { packStream } from './pack-stream.js'
import { tarEnd } from './tar-writer.js'
import { runJob } from './worker-pool.js'

/**
 * Packs layers as one that does to those below what they have done one over the other, into an uncompressed tar at `file`,
 * which must not exist yet. After a failure there is no file.
 *
 * @param layers directories, top first
 * @param base those below, top first
 * @throws {LayerError} LAYER_INVALID; {SyscallError}
 */
export function packMerged(
  layers: readonly string[],
  base: readonly string[],
  file: string,
  { signal }: PackOptions = {},
): Promise<PackResult> {
  return runJob('packMerged', { layers, base, path: file }, { signal })
}

/** Files that overlay layers show when they are merged, or those of a single tree, and how they are packed. */
export interface ExportedTree extends ExportForm {
  /** Directories, top first. */
  readonly layers: readonly string[]
}

/** Packs trees into one tar: its bytes, made as fast as they are read. What is left early is stopped. */
export async function* packExport(
  trees: readonly ExportedTree[],
  { signal }: PackOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  for (const tree of trees) {
    const bytes = packStream((output, options) => runJob('packExport', { ...tree, output }, options), signal)
    yield* withoutEnd(bytes)
  }
  yield tarEnd
}

/** The entries of a tar, without what says that there are no more. */
async function* withoutEnd(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of tar) {
    const all = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const kept = Math.max(0, all.length - tarEnd.length)
    if (kept > 0) yield all.subarray(0, kept)
    held = all.subarray(kept)
  }
}
