/** How much of a context is taken. */
export interface ContextLimits {
  /** Files and directories that are looked at, those of excluded directories not counted. Default: 2,000,000. */
  readonly maxEntries?: number
  /** Bytes of an archive, compressed, that is downloaded. Default: 16 GiB. */
  readonly maxDownloadBytes?: number
  /** Bytes of a Dockerfile or an ignore file. Default: 4 MiB. */
  readonly maxTextBytes?: number
}

export function withDefaults(limits: ContextLimits = {}): Required<ContextLimits> {
  return { maxEntries: 2_000_000, maxDownloadBytes: 16 * 2 ** 30, maxTextBytes: 4 * 2 ** 20, ...limits }
}
