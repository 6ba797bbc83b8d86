import { setMaxListeners } from 'node:events'

/** Performs tasks at once. When one fails the others are stopped, and its error is thrown after all have ended. */
export async function together<Result>(
  tasks: readonly ((signal: AbortSignal) => Promise<Result>)[],
  signal: AbortSignal | undefined,
): Promise<Result[]> {
  const failed = new AbortController()
  const either = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])])
  // Every task listens.
  setMaxListeners(0, either)
  const running = tasks.map(async (task) => {
    try {
      either.throwIfAborted()
      return await task(either)
    } catch (error) {
      failed.abort(error)
      throw error
    }
  })
  await Promise.allSettled(running)
  signal?.throwIfAborted()
  if (failed.signal.aborted) throw failed.signal.reason
  return Promise.all(running)
}
