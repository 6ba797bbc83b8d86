import type { Readable } from 'node:stream'
import { invalidOption } from '../spec/invalid.js'
import type { RunOptions } from '../spec/options.js'
import { refuseReuse } from '../spec/reuse.js'
import type { SnapshotOrigin } from '../spec/snapshot-document.js'
import {
  type Attachment,
  type ExitResult,
  firstEnd,
  type LiveAttachOptions,
  type StartAttachedOptions,
} from './attach.js'
import type { Container } from './container.js'
import { detachedStreams, type Live, type StartStreams, watchedStreams } from './context.js'
import { parseDetachKeys } from './detach-keys.js'
import { checkExpected, type ExpectedReadiness } from './expected-readiness.js'
import { LifeOptions } from './run/life-options.js'
import { feed, sessionInput } from './streams.js'
import type { Readiness } from './wait-strategy.js'

/** A container to be made: the builder's frozen data. */
export interface RunRequest {
  readonly image: string
  readonly command: readonly string[] | undefined
  readonly options: RunOptions
  readonly signal: AbortSignal | undefined
  /** What it is a clone of. @internal */
  readonly snapshot?: SnapshotOrigin
  /** What makes it ready, all of which a start waits for. Default: nothing. */
  readonly waitFor?: readonly Readiness[]
  /** How long, in ms. Default 60,000. */
  readonly waitTimeoutMs?: number
}

/** A container that was started. */
interface Started {
  readonly container: Container
  readonly live: Live
}

/** What acts on a request; the engine's. */
export interface RunActions {
  create(request: RunRequest): Promise<Container>
  /** Creates and starts, in one transaction. */
  run(request: RunRequest, streams: StartStreams): Promise<Started>
  /** The running container of a key. */
  reuse(request: RunRequest, key: string): Promise<Container>
  /** The streams of one that `run` has started attached. */
  attach(live: Live, options: LiveAttachOptions): Attachment
}

/** A container's output, gathered. */
export interface RunOutput extends ExitResult {
  readonly stdout: string
  readonly stderr: string
}

export interface OutputOptions {
  /** What the program reads. Implies `interactive()`. */
  readonly stdin?: string | Uint8Array | Readable
  /** Kills the container; the call rejects with its reason. */
  readonly signal?: AbortSignal
}

/**
 * `docker run`, as data: every method returns a new builder with one option more, named like the command's long option.
 * Nothing happens before it is awaited (create and start, detached), or one of the verbs is called: `create()`, `output()`,
 * `attach()`.
 *
 * @example
 * ```ts
 * const db = await engine.run('redis:7').name('myredis').publish('127.0.0.1:6379:6379')
 * const { stdout } = await engine.run('debian', ['echo', 'hi']).rm().output()
 * ```
 */
export class RunBuilder extends LifeOptions implements PromiseLike<Container> {
  readonly #actions: RunActions
  readonly #request: RunRequest
  #started: Promise<Container> | undefined

  /** @internal */
  constructor(actions: RunActions, request: RunRequest) {
    super()
    this.#actions = actions
    this.#request = Object.freeze({ ...request, options: Object.freeze({ ...request.options }) })
  }

  protected get options(): RunOptions {
    return this.#request.options
  }

  protected with(options: RunOptions): this {
    return new RunBuilder(this.#actions, { ...this.#request, options: { ...this.options, ...options } }) as this
  }

  /** Stops the work when it fires: a start under way, and the container of `output()`. */
  signal(signal: AbortSignal): RunBuilder {
    return new RunBuilder(this.#actions, { ...this.#request, signal })
  }

  /**
   * When it is ready: awaiting the builder, `attach()`, and `start()` of a container that `create()` has made, resolve then, by
   * strategies of `inboard/wait` or functions of your own, which are called until they do not return `false`. Those of several
   * calls add up. It fails at once when the container ends, unless it is the end that is waited for (`exit(0)`).
   *
   * @example
   * ```ts
   * import { log, port } from 'inboard/wait'
   * const redis = await engine.run('redis:7').waitFor(port(6379))
   * const db = await engine.run('postgres:15').waitFor(port(5432), log(/ready to accept/)).waitTimeout(30_000)
   * ```
   */
  waitFor(...ready: readonly Readiness[]): RunBuilder {
    return new RunBuilder(this.#actions, { ...this.#request, waitFor: [...(this.#request.waitFor ?? []), ...ready] })
  }

  /**
   * How long that may take at most, from the start on, in ms. Default 60,000. Afterwards the call rejects with WAIT_TIMED_OUT; the
   * container stays as it is, to be looked at, unless it is ephemeral.
   */
  waitTimeout(ms: number): RunBuilder {
    return new RunBuilder(this.#actions, { ...this.#request, waitTimeoutMs: ms })
  }

  /** The request as data. */
  toRequest(): RunRequest {
    return this.#request
  }

  /** Makes the container, and does not start it. */
  async create(): Promise<Container> {
    refuseReuse(this.options, 'create')
    const expected = this.#expected()
    const container = await this.#actions.create(this.#request)
    return expected ? container.expecting(expected) : container
  }

  /**
   * Runs it to its end and gathers its output.
   *
   * @throws {LaunchError} with Docker's exit code, when the program cannot be started; {InvalidOptionError} INVALID_OPTION with
   *   `waitFor()`
   */
  async output({ stdin, signal = this.#request.signal }: OutputOptions = {}): Promise<RunOutput> {
    refuseReuse(this.options, 'output')
    if (this.#request.waitFor?.length)
      throw invalidOption('waitFor', 'output() waits for the end', 'leave waitFor() out, or use attach()')
    const options = stdin === undefined ? this.#request.options : { ...this.#request.options, interactive: true }
    const { container, live } = await this.#actions.run(
      { ...this.#request, options },
      { attached: true, rows: 0, columns: 0 },
    )
    const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    live.session.listen({ onOutput: (stream, chunk) => void chunks[stream].push(chunk) })
    const onAbort = () => void container.kill().catch(() => {})
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (stdin !== undefined) feed(sessionInput(live.session), stdin)
      if (signal?.aborted) onAbort()
      const result = await firstEnd(live)
      signal?.throwIfAborted()
      const text = (stream: 'stdout' | 'stderr') => Buffer.concat(chunks[stream]).toString()
      return { ...result, stdout: text('stdout'), stderr: text('stderr') }
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Runs it with its streams attached from the first byte. */
  async attach(options: StartAttachedOptions = {}): Promise<Attachment & { readonly container: Container }> {
    parseDetachKeys(options.detachKeys ?? '')
    refuseReuse(this.options, 'attach')
    const expected = this.#expected()
    const streams = { attached: true, rows: options.rows ?? 0, columns: options.columns ?? 0 }
    const run = await this.#actions.run(this.#request, streams)
    const { tty = false, interactive: stdin = false } = this.#request.options
    const attachment = this.#actions.attach(run.live, { ...options, tty, stdin, stdinOnce: stdin })
    try {
      return { ...attachment, container: await this.#ready(run, expected) }
    } catch (error) {
      attachment.detach()
      throw error
    }
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting the builder runs it, by design
  then<A = Container, B = never>(
    onFulfilled?: ((value: Container) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#started ??= this.#detached()
    return this.#started.then(onFulfilled, onRejected)
  }

  async #detached(): Promise<Container> {
    const expected = this.#expected()
    // Loaded while the container is made.
    if (expected) import('./readiness.js').catch(() => {})
    const { reuse } = this.options
    const run =
      reuse === undefined
        ? await this.#actions.run(this.#request, expected ? watchedStreams : detachedStreams)
        : { container: await this.#actions.reuse(this.#request, reuse), live: undefined }
    return this.#ready(run, expected)
  }

  #expected(): ExpectedReadiness | undefined {
    const { waitFor: ready = [], waitTimeoutMs: timeoutMs, options } = this.#request
    return ready.length === 0
      ? undefined
      : checkExpected({ ready, timeoutMs, isEphemeral: (options as { ephemeral?: boolean }).ephemeral ?? false })
  }

  async #ready(
    { container, live }: { readonly container: Container; readonly live: Live | undefined },
    expected: ExpectedReadiness | undefined,
  ): Promise<Container> {
    if (!expected) return container
    const ready = container.expecting(expected)
    await ready.becomeReady({ signal: this.#request.signal, live })
    return ready
  }
}
