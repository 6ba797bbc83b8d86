/** When a build came to its first step, and to its end, in milliseconds from the call. */
export interface Built {
  /** Of an instruction that has files: the context is read by then. */
  readonly firstStepMs: number
  readonly ms: number
}

/** One way to build an image. */
export interface Builder {
  readonly name: string
  /** @param isUncached does all steps, whatever was done before */
  build(context: string, isUncached: boolean): Promise<Built>
  /** Removes what builds have left that nothing names. */
  prune(): Promise<unknown>
}
