/** What tests make happen at named points: an error, or the end of the process. Empty outside of tests. */
export const failpoints = new Map<string, () => void>()

/**
 * A moment before a change of state, at which a test may let this process fail or die. The name is a literal: tests find
 * all points by their calls.
 */
export function failpoint(name: string): void {
  if (failpoints.size > 0) failpoints.get(name)?.()
}
