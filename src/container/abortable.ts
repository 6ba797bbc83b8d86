/** A signal that fires with any of several, which remember nothing of it once it is unlinked. */
export interface LinkedSignal {
  readonly signal: AbortSignal
  unlink(): void
}

/** Unlike AbortSignal.any(), which leaves something with signals that live long. */
export function linkedSignal(...given: (AbortSignal | undefined)[]): LinkedSignal {
  const sources = given.filter((source) => source !== undefined)
  const controller = new AbortController()
  const listeners = sources.map((source) => [source, () => controller.abort(source.reason)] as const)
  for (const [source, onAbort] of listeners) {
    if (source.aborted) onAbort()
    else source.addEventListener('abort', onAbort)
  }
  const unlink = () => {
    for (const [source, onAbort] of listeners) source.removeEventListener('abort', onAbort)
  }
  return { signal: controller.signal, unlink }
}

interface Waiter<Result> {
  resolve(result: Result): void
  reject(error: unknown): void
}

const waiters = new WeakMap<Promise<unknown>, Set<Waiter<never>>>()

/** Who waits for a promise; a promise itself never forgets who does. */
function waitersOf<Result>(promise: Promise<Result>): Set<Waiter<Result>> {
  const known = waiters.get(promise) as Set<Waiter<Result>> | undefined
  if (known) return known
  const all = new Set<Waiter<Result>>()
  waiters.set(promise, all as Set<Waiter<never>>)
  promise.then(
    (result) => {
      for (const { resolve } of [...all]) resolve(result)
    },
    (error: unknown) => {
      for (const { reject } of [...all]) reject(error)
    },
  )
  return all
}

/**
 * Waits for a promise that may live long, for what `listen` hears instead, or for the signal. Nothing is left with any of them
 * afterwards: only the waiting stops, not the work.
 *
 * @param listen is given what ends the waiting, and returns what ends the listening
 */
export function abortable<Result>(
  promise: Promise<Result>,
  signal: AbortSignal | undefined,
  listen?: (hear: (result: Result) => void) => () => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const undos: (() => void)[] = []
    const after =
      <Value>(settle: (value: Value) => void) =>
      (value: Value) => {
        for (const undo of undos.splice(0)) undo()
        settle(value)
      }
    const waiter = { resolve: after(resolve), reject: after(reject) }
    const all = waitersOf(promise)
    all.add(waiter)
    undos.push(() => all.delete(waiter))
    const onAbort = () => waiter.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    undos.push(() => signal?.removeEventListener('abort', onAbort))
    if (listen) undos.push(listen(waiter.resolve))
  })
}
