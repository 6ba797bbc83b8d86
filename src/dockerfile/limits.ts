/** What a Dockerfile may cost: whoever wrote it need not be trusted. */
export const limits = {
  /** All of the file. */
  bytes: 4 * 1024 * 1024,
  /** One line of it: Docker's own limit. */
  lineLength: 65_535,
  instructions: 10_000,
  heredocs: 1_000,
  /** `${a:-${b:-...}}` */
  nesting: 100,
  /** Characters that the expansion of one instruction may make. */
  expansion: 1024 * 1024,
  /** Characters that the expansions of a whole build may make. */
  expansions: 64 * 1024 * 1024,
  /** What checks tell; nobody reads more. */
  findings: 1_000,
  /** Comparisons for one pattern of `${name#pattern}`. */
  comparisons: 16 * 1024 * 1024,
} as const
