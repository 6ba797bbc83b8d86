/** What an {@link Operation} does: reports events on its way, and stops when the signal says so. */
export type OperationBody<Event, Result> = (report: (event: Event) => void, signal: AbortSignal) => Promise<Result>

/** Unread events beyond these are dropped, the oldest first: a slow reader costs no memory. */
const maxUnread = 1000

/** Operations under way, by the signals that stop them. */
const ongoing = new WeakMap<AbortSignal, Set<Promise<unknown>>>()

/** Waits until every operation that a signal stops has ended, however it did. */
export async function operationsOf(signal: AbortSignal): Promise<void> {
  await Promise.allSettled(ongoing.get(signal) ?? [])
}

/**
 * Work that can be awaited for its result or iterated for its progress, or both. It begins with the first of them, and is
 * done once. A loop that is left early stops the work, unless somebody awaits the result or another loop goes on.
 *
 * @example
 * ```ts
 * const pull = engine.pull('redis:7')
 * for await (const progress of pull) console.log(progress)
 * const image = await pull
 * ```
 */
export class Operation<Event, Result> implements Promise<Result>, AsyncIterable<Event> {
  readonly [Symbol.toStringTag] = 'Operation'
  readonly #body: OperationBody<Event, Result>
  readonly #signals: readonly AbortSignal[]
  readonly #stop = new AbortController()
  readonly #readers = new Set<Reader<Event>>()
  #isAwaited = false
  #result: Promise<Result> | undefined

  /** @internal */
  constructor(body: OperationBody<Event, Result>, signals: readonly (AbortSignal | undefined)[]) {
    this.#body = body
    this.#signals = signals.filter((signal) => signal !== undefined)
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting it is what it is for.
  then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((result: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    // biome-ignore lint/suspicious/noExplicitAny: what a promise's handler is given.
    onRejected?: ((reason: any) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#isAwaited = true
    return this.#begin().then(onFulfilled, onRejected)
  }

  catch<Rejected = never>(
    // biome-ignore lint/suspicious/noExplicitAny: what a promise's handler is given.
    onRejected?: ((reason: any) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Result | Rejected> {
    return this.then(undefined, onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<Result> {
    this.#isAwaited = true
    return this.#begin().finally(onFinally)
  }

  /** Every loop gets all events from its own beginning on, and fails as the work does. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    const reader = new Reader<Event>()
    this.#readers.add(reader)
    const result = this.#begin()
    const end = () => reader.end()
    result.then(end, end)
    try {
      yield* reader.events()
      await result
    } finally {
      this.#readers.delete(reader)
      if (!reader.isOver && this.#readers.size === 0 && !this.#isAwaited) {
        this.#stop.abort(new DOMException('The loop over its progress was left.', 'AbortError'))
        await result.catch(() => {})
      }
    }
  }

  #begin(): Promise<Result> {
    this.#result ??= this.#run()
    return this.#result
  }

  async #run(): Promise<Result> {
    for (const signal of this.#signals) signal.throwIfAborted()
    // Not AbortSignal.any: the engine's signal would remember every operation there ever was.
    const listeners = this.#signals.map((signal) => [signal, () => this.#stop.abort(signal.reason)] as const)
    for (const [signal, onAbort] of listeners) signal.addEventListener('abort', onAbort)
    const result = this.#body((event) => {
      for (const reader of this.#readers) reader.add(event)
    }, this.#stop.signal)
    const forget = this.#signals.map((signal) => remember(signal, result))
    try {
      return await result
    } finally {
      for (const [signal, onAbort] of listeners) signal.removeEventListener('abort', onAbort)
      for (const end of forget) end()
    }
  }
}

function remember(signal: AbortSignal, work: Promise<unknown>): () => void {
  const all = ongoing.get(signal) ?? new Set()
  ongoing.set(signal, all.add(work))
  return () => all.delete(work)
}

/** One loop's events. */
class Reader<Event> {
  readonly #unread: Event[] = []
  #wake: (() => void) | undefined
  isOver = false

  add(event: Event): void {
    this.#unread.push(event)
    if (this.#unread.length > maxUnread) this.#unread.shift()
    this.#wake?.()
  }

  end(): void {
    this.isOver = true
    this.#wake?.()
  }

  async *events(): AsyncGenerator<Event, void, undefined> {
    for (;;) {
      while (this.#unread.length > 0) yield this.#unread.shift() as Event
      if (this.isOver) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
