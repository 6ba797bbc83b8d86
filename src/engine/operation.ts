/** What an {@link Operation} does: reports events on its way, and stops when the signal says so. */
export type OperationBody<Event, Result> = (report: (event: Event) => void, signal: AbortSignal) => Promise<Result>

/** Unread events beyond these are dropped, the oldest first: a slow reader costs no memory. */
const maxUnread = 1000

/**
 * Work that can be awaited for its result or iterated for its progress, or both. It begins with the first of them, and is
 * done once. A loop that is left early stops the work.
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
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #unread: Event[] = []
  #isRead = false
  #isAwaited = false
  #wake: (() => void) | undefined
  #result: Promise<Result> | undefined

  /** @internal */
  constructor(body: OperationBody<Event, Result>, signals: readonly (AbortSignal | undefined)[]) {
    this.#body = body
    this.#signal = AbortSignal.any([this.#stop.signal, ...signals.filter((signal) => signal !== undefined)])
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting it is what it is for.
  then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((result: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#isAwaited = true
    return this.#begin().then(onFulfilled, onRejected)
  }

  catch<Rejected = never>(
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Result | Rejected> {
    return this.then(undefined, onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<Result> {
    this.#isAwaited = true
    return this.#begin().finally(onFinally)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    this.#isRead = true
    let isOver = false
    const result = this.#begin()
    const end = () => {
      isOver = true
      this.#wake?.()
    }
    result.then(end, end)
    try {
      for (;;) {
        while (this.#unread.length > 0) yield this.#unread.shift() as Event
        if (isOver) break
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
      await result
    } finally {
      if (!isOver && !this.#isAwaited) {
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
    this.#signal.throwIfAborted()
    return this.#body((event) => this.#report(event), this.#signal)
  }

  #report(event: Event): void {
    if (!this.#isRead) return
    this.#unread.push(event)
    if (this.#unread.length > maxUnread) this.#unread.shift()
    this.#wake?.()
  }
}
