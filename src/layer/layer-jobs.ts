import type { Change, Comparison } from './compare.js'
import type { ExportJobs } from './export-jobs.js'
import type { LayerFormat } from './extractor.js'
import type { PortableError } from './layer-errors.js'
import type { TreeSource } from './layered-directory.js'
import type { PlaceJobs } from './place-jobs.js'
import type { PlainJobs } from './plain-jobs.js'
import type { TarLimits } from './tar-entry.js'
import type { TarEntryInit } from './tar-writer.js'

/** What a layer worker can be asked to do. */
export interface Jobs extends PlainJobs, PlaceJobs, ExportJobs {
  extract: { request: ExtractRequest; result: ExtractResult }
  pack: { request: PackRequest; result: PackResult }
  copy: { request: CopyRequest; result: CopyResult }
  packTree: { request: PackTreeRequest; result: PackResult }
  packChanges: { request: PackChangesRequest; result: PackChangesResult }
  compare: { request: Comparison; result: Change[] }
}

export type JobKind = keyof Jobs

export interface ExtractRequest {
  /** A file's path; undefined when the bytes come as messages. */
  readonly path: string | undefined
  /** Of a file that grows: how far it has come. */
  readonly growth: SharedArrayBuffer | undefined
  readonly target: string
  readonly format: LayerFormat
  readonly limits: TarLimits
  readonly diffId: string | undefined
}

export interface ExtractResult {
  /** `sha256:...` of the uncompressed tar. */
  readonly diffId: string
  /** Bytes of file content on disk, holes not counted. */
  readonly size: number
  /** Entries of the archive, whiteouts included. */
  readonly entries: number
}

export interface PackRequest {
  readonly entries: readonly PackEntry[]
  readonly path: string
}

/** An entry of a layer to be packed. A file's payload is read from `source`; its size is found there. */
export interface PackEntry extends Omit<TarEntryInit, 'size'> {
  /** The path of the regular file that holds the content; symlinks are followed. */
  readonly source?: string
}

export interface PackResult {
  /** `sha256:...` of the tar, which is also its blob digest, as it is not compressed. */
  readonly diffId: string
  /** The tar's length in bytes. */
  readonly size: number
}

export interface PackTreeRequest {
  /** Directories, top first. */
  readonly layers: readonly string[]
  /** A descriptor that the archive is written to. */
  readonly output: number
}

export interface PackChangesRequest extends Comparison {
  readonly path: string
  readonly settle?: SettleOptions | undefined
}

/** The tree is to become a layer itself, where it is a writable one: see `settleUpper`. Nobody uses it any more. */
export interface SettleOptions {
  /** No file of the layer is newer: seconds since the epoch. */
  readonly latest?: number | undefined
}

export interface PackChangesResult extends PackResult {
  /** Bytes of file content, holes not counted. */
  readonly contentSize: number
}

export interface CopyRequest {
  readonly from: TreeSource
  readonly to: string
}

export interface CopyResult {
  /** Bytes of file content, holes not counted. */
  readonly size: number
}

/** To the worker. `abort` is a shared flag: it is seen in the middle of synchronous work. */
export type ToWorker =
  | { readonly type: 'job'; readonly kind: JobKind; readonly request: unknown; readonly abort: SharedArrayBuffer }
  | { readonly type: 'chunk'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'abort' }

/** From the worker. */
export type FromWorker =
  | { readonly type: 'consumed'; readonly bytes: number }
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: PortableError }
