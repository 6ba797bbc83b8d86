import type { PackResult, PackTreeRequest } from './layer-jobs.js'

/** What a layer worker does for results of builds. */
export interface ExportJobs {
  packMerged: { request: PackMergedRequest; result: PackResult }
  packExport: { request: PackExportRequest; result: PackResult }
}

/** Layers that are to become one. */
export interface PackMergedRequest {
  /** Their directories, top first. */
  readonly layers: readonly string[]
  /** Those below, top first: what the new layer is to be put on. */
  readonly base: readonly string[]
  readonly path: string
}

/** How files are packed that leave the engine. */
export interface ExportForm {
  /** The directory of the archive that they are in, such as `linux_amd64`, which the archive then has; one name. */
  readonly within?: string | undefined
  /** No entry is newer: seconds since the epoch. */
  readonly latest?: number | undefined
  /** Whether devices are left out. Default false. */
  readonly skipsDevices?: boolean | undefined
}

export interface PackExportRequest extends PackTreeRequest, ExportForm {}
