import type { ModeChange } from './mode-change.js'
import type { TarLimits } from './tar-entry.js'

/** What a layer worker does for COPY and ADD. */
export interface PlaceJobs {
  place: { request: PlaceRequest; result: unknown }
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Files that are to be put into a tree, by the rules of COPY. */
export interface PlaceRequest {
  /** A descriptor of the tree's root: every path is resolved as if it were the filesystem's. Nobody else changes the tree. */
  readonly root: number
  /** Absolute. It is a directory when it ends with a slash, or `/.`. */
  readonly destination: string
  /** In their order: what comes later is put over what came before. */
  readonly sources: readonly PlacedSource[]
  /** Of all that is made; as the source says when absent, directories that are missing on the way are root's then. */
  readonly owner?: Owner | undefined
  readonly mode?: ModeChange | undefined
  /** Whether what is there counts as if it were not: no symlink is followed, and directories on the way are made anew. */
  readonly isLink: boolean
}

export type PlacedSource = PlacedFile | PlacedDirectory | PlacedText | PlacedArchive

interface FilesOf {
  /** A descriptor of the directory that the files are in. */
  readonly root: number
  /** How their names are opened: openat2(2). */
  readonly resolve: number
  /** Whose they are; as the filesystem says when absent. */
  readonly owner?: Owner | undefined
  /** Whether nobody can change them: then what was listed as a file is opened as one. */
  readonly isFixed: boolean
}

/** Anything but a directory. */
export interface PlacedFile extends FilesOf {
  readonly kind: 'file'
  /** From `root`. */
  readonly path: string
  /** What it is called in a directory. */
  readonly name: string
  /** Permission bits, where they are others than those of the file. */
  readonly permissions?: number | undefined
}

/** What is in a directory. */
export interface PlacedDirectory extends FilesOf {
  readonly kind: 'directory'
  /** From `root`: the directory first, then all that is in it and copied, directories before what is in them. */
  readonly paths: readonly string[]
  /** What each of them was when it was listed: {@link placedKinds}. */
  readonly kinds: Uint8Array
}

/** A file that is written here. */
export interface PlacedText {
  readonly kind: 'text'
  readonly name: string
  readonly content: Uint8Array
}

/** An archive, extracted into the destination. */
export interface PlacedArchive extends FilesOf {
  readonly kind: 'archive'
  readonly path: string
  readonly limits: TarLimits
}

export const placedKinds = {
  file: 0,
  directory: 1,
  symlink: 2,
  character: 3,
  block: 4,
  fifo: 5,
  /** A directory that is there only for what is in it: it is made when it is missing, as it is. */
  parent: 6,
  /** One that is made 0755, whatever it is: it is excluded, but not all in it. */
  implied: 7,
} as const
