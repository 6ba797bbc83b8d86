import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { native } from '../host/index.js'
import type { Change, Comparison } from './compare.js'
import type { PackResult } from './layer-jobs.js'
import type { PackOptions } from './pack.js'
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
export function packChanges(comparison: Comparison, file: string, { signal }: PackOptions = {}): Promise<PackResult> {
  return runJob('packChanges', { ...comparison, path: file }, { signal })
}

/**
 * Packs the files that overlay layers show when they are merged, or those of a single tree, as a tar: its bytes, made as
 * fast as they are read. What is left early is stopped.
 *
 * @param layers directories, top first; missing ones are empty
 */
export async function* packTree(
  layers: readonly string[],
  { signal }: PackOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  signal?.throwIfAborted()
  const left = new AbortController()
  const [reading, writing] = native().pipe()
  const stream = new Socket({ fd: reading, readable: true, writable: false })
  const packed = runJob(
    'packTree',
    { layers, output: writing },
    { signal: AbortSignal.any([left.signal, ...(signal ? [signal] : [])]), isPaced: true },
  )
  const failed = packed.then(
    () => undefined,
    (error: unknown) => stream.destroy(error as Error),
  )
  // The end of the stream is told only after all of it was written.
  void failed.then(() => closeSync(writing))
  try {
    for await (const chunk of stream) yield chunk as Buffer
    await packed
  } finally {
    // A writer that waits for its reader finds that there is none.
    left.abort()
    stream.destroy()
    await failed
  }
}
