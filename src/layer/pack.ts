import type { PackEntry, PackResult } from './layer-jobs.js'
import { runJob } from './worker-pool.js'

export interface PackOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * Packs entries, in their order, into an uncompressed tar at `file`, which must not exist yet, on a worker thread. The
 * same entries and contents always give the same bytes. After a failure there is no file.
 *
 * @throws LayerError LAYER_INVALID when a source is no regular file or shrinks meanwhile; SyscallError
 *
 * @example
 * ```ts
 * const { diffId, size } = await packLayer(
 *   [
 *     { kind: 'directory', name: 'bin', mode: 0o755 },
 *     { kind: 'file', name: 'bin/sh', mode: 0o755, source: '/usr/bin/dash' },
 *   ],
 *   '/var/tmp/layer.tar',
 * )
 * ```
 */
export function packLayer(
  entries: readonly PackEntry[],
  file: string,
  { signal }: PackOptions = {},
): Promise<PackResult> {
  return runJob('pack', { entries, path: file }, { signal })
}
