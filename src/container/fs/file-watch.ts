import type { FileChange } from './options.js'

/** What a watch is told, by who watches for it. */
export interface WatchSink {
  /** It is on from now on. */
  started(): void
  tell(change: FileChange): void
  /** Fires when nobody listens any more. */
  readonly left: AbortSignal
}

/** Watches until it is over, or nobody listens any more. What it throws is what the loop fails with. */
export type Watching = (sink: WatchSink) => Promise<void>

export interface WatchBounds {
  readonly maxQueue: number
  /** Thrown for the first change that is one too many; undefined: it is dropped. */
  readonly overflow: (() => Error) | undefined
}

/** What changes in a directory of a container: the result of `container.fs.watch()`. Read by one loop. */
export class FileWatch implements AsyncIterableIterator<FileChange>, AsyncDisposable {
  readonly #watching: Watching
  readonly #bounds: WatchBounds
  readonly #unread: FileChange[] = []
  readonly #left = new AbortController()
  #begun: Promise<void> | undefined
  #over: Promise<void> | undefined
  #isOver = false
  #failure: { readonly error: unknown } | undefined
  #wake = () => {}

  /** @internal */
  constructor(watching: Watching, bounds: WatchBounds) {
    this.#watching = watching
    this.#bounds = bounds
  }

  /**
   * Resolves when it is on: whatever changes from then on is told.
   *
   * @example
   * ```ts
   * const changes = container.fs.watch('/out')
   * await changes.ready()
   * await container.exec(['make', '-C', '/src'])
   * const { value } = await changes.next()
   * ```
   */
  ready(): Promise<void> {
    this.#begun ??= new Promise<void>((resolve, reject) => this.#begin(resolve, reject))
    return this.#begun
  }

  #begin(started: () => void, failed: (error: unknown) => void): void {
    const sink = { started, tell: (change: FileChange) => this.#add(change), left: this.#left.signal }
    this.#over = this.#watching(sink).then(
      () => this.#end(undefined, started),
      (error: unknown) => this.#end({ error }, () => failed(error)),
    )
  }

  #end(failure: { readonly error: unknown } | undefined, tell: () => void): void {
    this.#isOver = true
    this.#failure ??= failure
    tell()
    this.#wake()
  }

  #add(change: FileChange): void {
    const { maxQueue, overflow } = this.#bounds
    if (this.#isOver || this.#left.signal.aborted) return
    if (this.#unread.length < maxQueue) this.#unread.push(change)
    else if (overflow) {
      this.#failure ??= { error: overflow() }
      this.#left.abort()
    }
    this.#wake()
  }

  /** The next change; what is unread when the watch fails is read before that is thrown. */
  async next(): Promise<IteratorResult<FileChange, undefined>> {
    await this.ready()
    for (;;) {
      const change = this.#unread.shift()
      if (change) return { done: false, value: change }
      if (this.#isOver) return this.#last()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** It fails once. */
  #last(): IteratorResult<FileChange, undefined> {
    const failure = this.#failure
    this.#failure = undefined
    if (failure) throw failure.error
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<FileChange, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  /** Ends it. What is unread is forgotten. */
  async close(): Promise<void> {
    this.#unread.length = 0
    this.#left.abort()
    this.#begun ??= Promise.resolve()
    this.#isOver ||= this.#over === undefined
    this.#failure = undefined
    await this.#over
    this.#failure = undefined
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
