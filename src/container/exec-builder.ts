import type { Readable } from 'node:stream'
import type { ContainerContext } from './context.js'
import type { ExecOptions, ExecProcess, ExecResult } from './exec.js'
import type { Exec } from './exec-handle.js'

let loaded: Promise<typeof import('./exec.js')> | undefined

/** Asking for a module that is there is not for nothing. */
function verbs(): Promise<typeof import('./exec.js')> {
  loaded ??= import('./exec.js')
  return loaded
}

/**
 * A process to be run in a container: plain frozen data until it is awaited (runs it, gathers its output), started (gives its
 * streams) or detached (leaves it to itself).
 *
 * @example
 * ```ts
 * const { stdout } = await container.exec(['redis-cli', 'ping'])
 * const shell = await container.exec(['sh']).tty().start()
 * const worker = await container.exec(['worker']).detach()
 * ```
 */
export class ExecBuilder implements PromiseLike<ExecResult> {
  readonly #context: ContainerContext
  readonly #id: string
  readonly #command: readonly string[]
  readonly #options: ExecOptions
  #result: Promise<ExecResult> | undefined

  /** @internal */
  constructor(context: ContainerContext, id: string, command: readonly string[], options: ExecOptions = {}) {
    this.#context = context
    this.#id = id
    this.#command = Object.isFrozen(command) ? command : Object.freeze([...command])
    this.#options = Object.freeze({ ...options })
  }

  #with(options: ExecOptions): ExecBuilder {
    return new ExecBuilder(this.#context, this.#id, this.#command, { ...this.#options, ...options })
  }

  /** Further environment variables; a name without a value has that of this process. */
  env(env: NonNullable<ExecOptions['env']>): ExecBuilder {
    return this.#with({ env })
  }

  /** Files of further variables, `NAME=value` a line. What `env()` says wins. */
  envFile(...files: readonly string[]): ExecBuilder {
    return this.#with({ envFile: files })
  }

  /** `name|uid[:group|gid]`, looked up in the container's own files. */
  user(user: string): ExecBuilder {
    return this.#with({ user })
  }

  /** An absolute path in the container. */
  workdir(workdir: string): ExecBuilder {
    return this.#with({ workdir })
  }

  /** Gives the process a terminal; stdout and stderr are one then. */
  tty(size: { rows?: number; columns?: number } = {}): ExecBuilder {
    return this.#with({ tty: true, ...size })
  }

  /** Keeps stdin open for writing. */
  interactive(): ExecBuilder {
    return this.#with({ interactive: true })
  }

  /** Gives the process every capability that the engine has. */
  privileged(): ExecBuilder {
    return this.#with({ privileged: true })
  }

  /** What the process reads. */
  stdin(stdin: string | Uint8Array | Readable): ExecBuilder {
    return this.#with({ stdin })
  }

  /** What lets go of a process with a terminal when it is written to its `stdin`. Default `ctrl-p,ctrl-q`. */
  detachKeys(detachKeys: string): ExecBuilder {
    return this.#with({ detachKeys })
  }

  /** Kills the process, and everything it has started, when it fires; the call rejects with its reason. */
  signal(signal: AbortSignal): ExecBuilder {
    return this.#with({ signal })
  }

  /**
   * Starts the process and gives its streams. With pipes, they end when everybody who has inherited them has closed them; of a
   * terminal, when the process has ended.
   *
   * @throws {InvalidStateError} INVALID_STATE when the container does not run, is paused, or waits to be started again
   * @throws {LaunchError} PROGRAM_NOT_FOUND (127), PROGRAM_NOT_EXECUTABLE (126)
   */
  async start(): Promise<ExecProcess> {
    const { startExec } = await verbs()
    return startExec(this.#context, this.#id, this.#command, this.#options)
  }

  /**
   * Starts the process and leaves it to itself: it reads nothing, what it writes goes nowhere, and it lives on without this
   * process. With a terminal it has one, which `resize()` reaches.
   *
   * @returns once it runs
   * @throws as {@link start}
   */
  async detach(): Promise<Exec> {
    const { detachExec } = await verbs()
    return detachExec(this.#context, this.#id, this.#command, this.#options)
  }

  /**
   * Makes it known, and starts nothing: {@link Exec.start} does, or {@link Exec.detach}, in this process. It is forgotten when
   * the run of the container is over; of more than 1024 that nobody starts, the oldest first.
   *
   * @throws {InvalidStateError} INVALID_STATE when the container does not run, is paused, or waits to be started again
   */
  async create(): Promise<Exec> {
    const { createExec } = await import('./exec-created.js')
    return createExec(this.#context, this.#id, this.#command, this.#options)
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting the builder runs it, by design
  then<A = ExecResult, B = never>(
    onFulfilled?: ((value: ExecResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#result ??= this.#run()
    return this.#result.then(onFulfilled, onRejected)
  }

  async #run(): Promise<ExecResult> {
    const { runExec } = await verbs()
    return runExec(this.#context, this.#id, this.#command, this.#options)
  }
}
