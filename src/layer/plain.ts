import { packStream } from './pack-stream.js'
import type { ExtractPlainResult, ExtractRules, Location } from './plain-jobs.js'
import type { TarLimits } from './tar-entry.js'
import type { TreeRoot } from './tree.js'
import { runJob } from './worker-pool.js'

/** Looks where a path leads in a tree, symlinks resolved inside it. @throws {SyscallError} ENOTDIR, ELOOP, EXDEV */
export function locate(root: TreeRoot, path: string, signal?: AbortSignal): Promise<Location> {
  return runJob('locate', { root, path }, { signal })
}

export interface PackPlainOptions {
  /** A directory, packed with all in it, or a file. Default: all of the tree. */
  readonly path?: string | undefined
  /** Whether a symlink at the path's end is followed. Default false. */
  readonly follows?: boolean | undefined
  /** What it is called in the archive. Default `.`, the root of the archive. */
  readonly name?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Packs a tree as it is into an uncompressed tar: its bytes, made as fast as they are read. What is left early is stopped.
 * The tree may change meanwhile; nothing outside of it is looked at.
 */
export function packPlain(
  root: TreeRoot,
  { path = '/', follows = false, name = '.', signal }: PackPlainOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const request = { root, path, follows, name }
  return packStream((output, options) => runJob('packPlain', { ...request, output }, options), signal)
}

export interface ExtractPlainOptions extends ExtractRules {
  /** The directory of the tree that it is extracted to. Default: the tree's root. */
  readonly path?: string | undefined
  readonly limits?: TarLimits | undefined
  /** Stops the work; what was already written stays. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Extracts a tar (plain or compressed with gzip, zstd or xz) into a tree, over what is there, on a worker thread, in one pass.
 * Nothing outside of the tree is touched. After a failure the tree holds what came before it.
 *
 * @param source the archive's path, or its bytes
 * @throws {LayerError} LAYER_INVALID, LAYER_ESCAPES or LAYER_TOO_LARGE; {SyscallError}
 */
export function extractPlain(
  source: AsyncIterable<Uint8Array> | string,
  root: TreeRoot,
  { path = '/', limits = {}, signal, ...rules }: ExtractPlainOptions = {},
): Promise<ExtractPlainResult> {
  const request = { root, path, limits, ...rules }
  if (typeof source === 'string') return runJob('extractPlain', { ...request, file: source }, { signal })
  return runJob('extractPlain', { ...request, file: undefined }, { signal, source })
}

/**
 * What {@link packPlain} packs of one tree, as {@link extractPlain} extracts it into another, on one worker thread; none of it
 * comes by here. Nothing outside of the trees is touched. After a failure the tree holds what was copied before it.
 *
 * @throws {LayerError} LAYER_INVALID or LAYER_ESCAPES; {SyscallError}
 */
export function copyPlain(
  from: TreeRoot,
  { path = '/', follows = false, name = '.' }: Omit<PackPlainOptions, 'signal'>,
  to: TreeRoot,
  { path: target = '/', limits = {}, signal, ...rules }: ExtractPlainOptions = {},
): Promise<ExtractPlainResult> {
  const request = { from: { root: from, path, follows, name }, to: { root: to, path: target, limits, ...rules } }
  return runJob('copyPlain', request, { signal })
}
