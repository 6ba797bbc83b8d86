import { Readable } from 'node:stream'
import { reporting, systemError } from '../errors/system.js'
import { type ExtractPlainResult, extractPlain, packPlain, type TarLimits, type TreeRoot } from '../layer/index.js'

/** Options of `volume.export()`. */
export interface ExportTreeOptions {
  /** The directory to be exported, from the volume's root; symlinks are followed inside it. Default: all of the volume. */
  readonly path?: string | undefined
  /** Ends the stream with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * All files of a tree as an uncompressed PAX tar, made as fast as it is read: owners, modes, extended attributes, hard links,
 * holes, devices and times to the nanosecond. Names are relative to the exported directory, which is itself the first entry,
 * `./`. What vanishes meanwhile is left out; a file that becomes shorter is filled up with zeros, as tar(1) does; sockets, and
 * what other filesystems have below, are left out.
 *
 * @param root a directory whose content nobody trusts
 */
export function exportTree(root: TreeRoot, { path = '', signal }: ExportTreeOptions = {}): Readable {
  return readableOf((stop) => packPlain(root, { path: `${path}/`, signal: stop }), signal)
}

/** What `make` yields, as it is read. When the stream is destroyed, by its reader or the signal, the maker is stopped. */
export function readableOf(
  make: (stop: AbortSignal) => AsyncGenerator<Buffer, void, undefined>,
  signal: AbortSignal | undefined,
): Readable {
  const stop = new AbortController()
  const bytes = make(stop.signal)
  const onAbort = () => stream.destroy(signal?.reason)
  const stream = new Readable({
    read() {
      bytes.next().then(
        ({ value }) => stream.push(value ?? null),
        (error) => stream.destroy(systemError('cannot pack the files', error) as Error),
      )
    },
    destroy(error, callback) {
      signal?.removeEventListener('abort', onAbort)
      stop.abort()
      bytes.return().then(
        () => callback(error),
        () => callback(error),
      )
    },
  })
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) onAbort()
  return stream
}

/** An archive: its bytes, or the path of the file that holds them. */
export type ArchiveSource = Readable | AsyncIterable<Uint8Array> | Uint8Array | string

/** Options of `volume.import()`. */
export interface ImportTreeOptions {
  /** The directory that the archive is extracted to, from the volume's root; it has to be there. Default: the root. */
  readonly path?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Bounds on the archive; none by default: the volume's own filesystem is the bound. */
  readonly limits?: TarLimits | undefined
}

// What is restored or copied is the caller's own: a backup of preallocated files may well be a thousand times as long as its
// compressed form, and a sparse file longer than any disk.
export const noLimits: TarLimits = {
  maxEntries: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  maxFileBytes: Number.POSITIVE_INFINITY,
  maxRatio: Number.POSITIVE_INFINITY,
}

/**
 * Extracts a tar, plain or compressed with gzip, zstd or xz, over what a tree has, as `tar -x` does as root: owners by number,
 * modes, extended attributes, links, devices, times. Directories are merged, files are replaced; a directory that is not empty is
 * never replaced by a file. After a failure, or an abort, what came before it stays.
 *
 * @throws {LayerError} LAYER_INVALID, LAYER_ESCAPES, LAYER_TOO_LARGE; {SyscallError} a full disk, no such directory
 */
export async function importTree(
  root: TreeRoot,
  tar: ArchiveSource,
  { path, signal, limits }: ImportTreeOptions = {},
): Promise<ExtractPlainResult> {
  return await readingFrom(tar, (source) =>
    reporting('cannot extract the archive', () =>
      extractPlain(source, root, { path, signal, limits: { ...noLimits, ...limits } }),
    ),
  )
}

/** Runs `body` with an archive; a stream that was not read to its end is destroyed with the failure. */
export async function readingFrom<Result>(
  tar: ArchiveSource,
  body: (source: AsyncIterable<Uint8Array> | string) => Promise<Result>,
): Promise<Result> {
  try {
    return await body(tar instanceof Uint8Array ? pieces(tar) : tar)
  } catch (error) {
    if (tar instanceof Readable) tar.destroy()
    throw error
  }
}

/** A worker gets copies: not of all of it at once. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

const pieceBytes = 1024 * 1024
