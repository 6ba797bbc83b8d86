import { dirname } from 'node:path'
import { logFormats, type PlanWriter } from './protocol.gen.js'

/** Where and how a container's output is kept. */
export interface RunLog {
  readonly path: string
  readonly format: keyof typeof logFormats
  /** The file is renamed when it has as many bytes; 0: never. */
  readonly maximumBytes: number
  readonly files: number
  /** Renamed files are compressed. */
  readonly compress: boolean
  /** Put into every object of a json-file. */
  readonly attributes: string
}

export function writeLog(plan: PlanWriter, log: RunLog): void {
  if (log.format === 'local') plan.makeDirectory({ path: dirname(log.path), mode: 0o700, existOk: 1 })
  const { path, format, maximumBytes, files, compress, attributes } = log
  plan.openLog({
    path,
    mode: 0o640,
    format: logFormats[format],
    maximumBytes,
    files,
    compress: Number(compress),
    attributes,
  })
}
