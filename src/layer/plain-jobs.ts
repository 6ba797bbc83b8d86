import type { Stat } from '../host/index.js'
import type { TarLimits } from './tar-entry.js'
import type { TreeRoot } from './tree.js'

/** What a layer worker does with trees that are no layers: volumes, what is copied into and out of containers. */
export interface PlainJobs {
  locate: { request: LocateRequest; result: Location }
  packPlain: { request: PackPlainRequest; result: unknown }
  copyPlain: { request: CopyPlainRequest; result: ExtractPlainResult }
  extractPlain: { request: ExtractPlainRequest; result: ExtractPlainResult }
  digestFiles: { request: DigestFilesRequest; result: DigestedFiles }
}

export interface LocateRequest {
  readonly root: TreeRoot
  /** From the root; `..` is taken lexically. With a trailing slash or `/.` a symlink at its end is followed. */
  readonly path: string
}

/** What a path leads to, as a program sees it whose root the tree is. */
export interface Location {
  /** From the root, with a leading slash: without symlinks, except for what is there itself. */
  readonly path: string
  /** Undefined: there is nothing. */
  readonly stat: Stat | undefined
  /** Where a symlink leads in the end, whether or not something is there; from the root as well. */
  readonly target?: string
}

export interface PlainSource {
  readonly root: TreeRoot
  /** A directory, with all in it, or a file. */
  readonly path: string
  /** Whether a symlink at the path's end is followed. */
  readonly follows: boolean
  /** What it is called in the archive; `.` is the root of the archive. */
  readonly name: string
}

export interface DigestFilesRequest {
  /** A descriptor of the directory that they are in. */
  readonly root: number
  /** How their names are opened: openat2(2). */
  readonly resolve: number
  readonly paths: readonly string[]
}

/** In the order of the paths. */
export interface DigestedFiles {
  /** SHA-256 of content and extended attributes, 8 words each. */
  readonly digests: Uint32Array
  /** What each was when its content had been read (`ScannedEntry`). */
  readonly fingerprints: Uint32Array
  /** Of those that could not be read, as they are no files any more or changed meanwhile: their places. */
  readonly changed: readonly number[]
}

export interface PackPlainRequest extends PlainSource {
  /** A descriptor that the archive is written to. */
  readonly output: number
}

export interface CopyPlainRequest {
  readonly from: PlainSource
  readonly to: Omit<ExtractPlainRequest, 'file'>
}

export interface ExtractPlainRequest extends ExtractRules {
  readonly root: TreeRoot
  /** The directory in it that the archive is extracted to; symlinks are followed. */
  readonly path: string
  /** The archive's path; undefined when its bytes come as messages. */
  readonly file: string | undefined
  readonly limits: TarLimits
}

export interface ExtractRules {
  /** Who gets it all; as the archive says when absent. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Whether files keep what is only their owner's to give: setuid, setgid, capabilities, access control lists. Default true. */
  readonly keepsPrivileges?: boolean | undefined
  /** Whether an entry for the archive's own root sets owner, mode and times of the directory. Default true. */
  readonly setsRoot?: boolean | undefined
  /** Whether what is no directory never takes the place of a directory, nor the other way round. Default false. */
  readonly keepsKinds?: boolean | undefined
  /** Whether what is no directory takes the place of a directory with all that is in it. Default false: of an empty one only. */
  readonly replacesDirectories?: boolean | undefined
  /** Whether devices and fifos are left out. Default false. */
  readonly skipsDevices?: boolean | undefined
  /** Whether the archive may end without saying so, after an entry: what a digest, or its transport, says is whole. Default false. */
  readonly toleratesMissingEnd?: boolean | undefined
  /** What the tree's root is called in messages. Default `/`. */
  readonly rootName?: string | undefined
}

export interface ExtractPlainResult {
  /** Entries of the archive. */
  readonly entries: number
  /** Bytes that the files have, with their holes, and symlinks. */
  readonly size: number
}
