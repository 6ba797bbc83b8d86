import { type Keeping, Unread } from './unread.js'

/**
 * Tells what happens. A promise: the readers have enough to do, and whoever can wait with more of the like does until then. Who
 * awaits the result does not wait for readers: there is none then.
 */
export type Report<Event> = (event: Event) => Promise<void> | undefined

/** What an {@link Operation} does: reports events on its way, and stops when the signal says so. */
export type OperationBody<Event, Result> = (report: Report<Event>, signal: AbortSignal) => Promise<Result>

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
  readonly #keeping: Keeping<Event> | undefined
  readonly #stop = new AbortController()
  readonly #readers = new Set<Reader<Event>>()
  #isAwaited = false
  #result: Promise<Result> | undefined

  /**
   * @internal
   * @param keeping which events are kept for slow readers; default: none beyond the newest thousand
   */
  constructor(
    body: OperationBody<Event, Result>,
    signals: readonly (AbortSignal | undefined)[],
    keeping?: Keeping<Event>,
  ) {
    this.#body = body
    this.#signals = signals.filter((signal) => signal !== undefined)
    this.#keeping = keeping
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting it is what it is for.
  then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((result: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    // biome-ignore lint/suspicious/noExplicitAny: what a promise's handler is given.
    onRejected?: ((reason: any) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#await()
    return this.#begin().then(onFulfilled, onRejected)
  }

  catch<Rejected = never>(
    // biome-ignore lint/suspicious/noExplicitAny: what a promise's handler is given.
    onRejected?: ((reason: any) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Result | Rejected> {
    return this.then(undefined, onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<Result> {
    this.#await()
    return this.#begin().finally(onFinally)
  }

  /** Every loop gets all events from its own beginning on, and fails as the work does. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    const reader = new Reader<Event>(this.#keeping)
    this.#readers.add(reader)
    const result = this.#begin()
    const end = () => reader.end()
    result.then(end, end)
    try {
      yield* reader.events()
      await result
    } finally {
      this.#readers.delete(reader)
      reader.leave()
      if (!reader.isOver && this.#readers.size === 0 && !this.#isAwaited) {
        this.#stop.abort(new DOMException('The loop over its progress was left.', 'AbortError'))
        await result.catch(() => {})
      }
    }
  }

  #await(): void {
    this.#isAwaited = true
    this.#letGo()
  }

  /** No reader is waited for. */
  #letGo(): void {
    for (const reader of this.#readers) reader.leave()
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
    this.#stop.signal.addEventListener('abort', () => this.#letGo(), { once: true })
    const result = this.#body((event) => this.#report(event), this.#stop.signal)
    const forget = this.#signals.map((signal) => remember(signal, result))
    try {
      return await result
    } finally {
      for (const [signal, onAbort] of listeners) signal.removeEventListener('abort', onAbort)
      for (const end of forget) end()
    }
  }

  #report(event: Event): Promise<void> | undefined {
    for (const reader of this.#readers) reader.add(event)
    if (this.#isAwaited || this.#stop.signal.aborted) return undefined
    const slow = [...this.#readers].filter((reader) => reader.isFull)
    return slow.length === 0 ? undefined : Promise.all(slow.map((reader) => reader.room())).then(() => {})
  }
}

function remember(signal: AbortSignal, work: Promise<unknown>): () => void {
  const all = ongoing.get(signal) ?? new Set()
  ongoing.set(signal, all.add(work))
  return () => all.delete(work)
}

/** One loop's events. */
class Reader<Event> {
  readonly #unread: Unread<Event>
  #wake: (() => void) | undefined
  #onRoom: (() => void)[] = []
  isOver = false

  constructor(keeping: Keeping<Event> | undefined) {
    this.#unread = new Unread(keeping)
  }

  get isFull(): boolean {
    return this.#unread.isFull
  }

  /** Resolves when it has read enough, or nobody waits for it any more. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#onRoom.push(resolve))
  }

  add(event: Event): void {
    this.#unread.add(event)
    this.#wake?.()
  }

  /** Nobody waits for it any more. */
  leave(): void {
    for (const resolve of this.#onRoom.splice(0)) resolve()
  }

  end(): void {
    this.isOver = true
    this.#wake?.()
  }

  async *events(): AsyncGenerator<Event, void, undefined> {
    for (;;) {
      for (let event = this.#unread.take(); event !== undefined; event = this.#unread.take()) {
        if (!this.isFull) this.leave()
        yield event
      }
      if (this.isOver) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
