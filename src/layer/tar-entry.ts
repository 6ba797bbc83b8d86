import type { Time } from '../host/native.js'

export type { Time } from '../host/native.js'

export type EntryKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo'

/** One member of a tar archive. */
export interface TarEntry {
  readonly kind: EntryKind
  /** As it stands in the archive, not cleaned; bytes that are not UTF-8 are lone surrogates. */
  readonly name: string
  /** The target of a symlink or hardlink, else empty. */
  readonly linkname: string
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The file's length in bytes, holes included. */
  readonly size: number
  readonly mtime: Time
  readonly atime?: Time
  readonly major: number
  readonly minor: number
  readonly xattrs: ReadonlyMap<string, Buffer>
}

/**
 * Bounds on an archive; beyond them LAYER_TOO_LARGE. `Infinity` is none. The defaults are those of layers. Names are bounded by
 * PATH_MAX, extended headers (and with them the extended attributes of an entry) by 1 MiB, as in Docker.
 */
export interface TarLimits {
  /** The most headers, extended ones counted as well; 10,000,000 by default. */
  readonly maxEntries?: number
  /** The most bytes of file content (holes not counted); 1 TiB by default. */
  readonly maxBytes?: number
  /** The most bytes of a single file, holes counted; 1 TiB by default. */
  readonly maxFileBytes?: number
  /** How many times as long as its compressed form the archive may be; 500 by default. */
  readonly maxRatio?: number
  /** What an archive may expand to, in bytes, whatever the ratio; 4 GiB by default. */
  readonly ratioFloorBytes?: number
}

export const defaultLimits: Required<TarLimits> = {
  maxEntries: 10_000_000,
  maxBytes: 2 ** 40,
  maxFileBytes: 2 ** 40,
  maxRatio: 500,
  ratioFloorBytes: 2 ** 32,
}

export const blockSize = 512

/** The longest extended header, sparse map or long name: as Go's archive/tar, which Docker uses. */
export const maxExtensionBytes = 1024 * 1024

/** PATH_MAX without its NUL. */
export const maxNameBytes = 4095
