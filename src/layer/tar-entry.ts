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

/** Bounds on an archive; beyond them LAYER_TOO_LARGE. */
export interface TarLimits {
  /** The most headers, extended ones counted as well; unlimited by default. */
  readonly maxEntries?: number
  /** The most bytes of file content (holes not counted); unlimited by default. */
  readonly maxBytes?: number
}

export const blockSize = 512

/** The longest extended header, sparse map or long name: as Go's archive/tar, which Docker uses. */
export const maxExtensionBytes = 1024 * 1024

/** PATH_MAX without its NUL. */
export const maxNameBytes = 4095
