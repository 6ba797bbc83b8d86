import type { Readable } from 'node:stream'
import type { Image } from '../engine/image.js'
import { reporting } from '../errors/system.js'
import type { Change } from '../snapshot/index.js'
import { checkContainerName } from '../spec/names.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import { type Attachment, attach, attachLive, type ExitResult, resultOf } from './attach.js'
import { type CommitOptions, commit } from './commit.js'
import { type ContainerContext, detachedStreams } from './context.js'
import { diff } from './diff.js'
import type { ExecOptions } from './exec.js'
import { ExecBuilder } from './exec-builder.js'
import { type ExportOptions, exportFiles } from './export.js'
import type { ContainerInspect } from './inspect.js'
import { type InspectOptions, inspect } from './inspection.js'
import { kill } from './kill.js'
import { Logs } from './log-reader.js'
import type { LogsOptions } from './logs.js'
import { type PublishedPorts, portAddresses, publishedPorts } from './ports.js'
import { type RemoveOptions, remove } from './remove.js'
import { settle } from './settle.js'
import { start } from './start.js'
import { stop } from './stop.js'
import { waitEnded } from './wait.js'

/** Options of {@link Container.stop}. */
export interface StopOptions {
  /** How long the program has to end after the stop signal, in ms. Default: the container's stopTimeout, else 10,000. Negative: for ever. */
  readonly timeoutMs?: number
  /** Stops waiting; what was sent stays sent. */
  readonly signal?: AbortSignal
}

/**
 * A container: a handle on what the store knows under its id. Any number of handles, in any number of processes, may exist
 * of one container; none has a state of its own.
 */
export class Container {
  readonly id: string
  /** The name it had when this handle was made. */
  readonly name: string
  readonly #context: ContainerContext

  /** @internal */
  constructor(context: ContainerContext, record: Pick<ContainerRecord, 'id' | 'name'>) {
    this.#context = context
    this.id = record.id
    this.name = record.name
  }

  /**
   * Starts a created or exited container; one that runs is left alone.
   *
   * @throws {LaunchError} with Docker's exit code, when the program cannot be started
   */
  async start({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted()
    this.#record()
    await this.#act('start', () => start(this.#context, this.id, detachedStreams))
  }

  /** Starts it with its streams attached from the first byte. */
  async startAttached(size: { rows?: number; columns?: number } = {}): Promise<Attachment> {
    const { config } = this.#record()
    const streams = { attached: true, rows: size.rows ?? 0, columns: size.columns ?? 0 }
    const live = await this.#act('start', () => start(this.#context, this.id, streams))
    return live ? attachLive(live, { stdin: config.interactive }) : this.attach()
  }

  /** Sends the stop signal, waits, then kills. Stopping one that does not run does nothing. */
  async stop(options: StopOptions = {}): Promise<void> {
    const record = this.#record()
    const { stopSignal, stopTimeout } = record.config
    const request = {
      stopSignal: stopSignal ?? this.#context.inspectImage(record).config.StopSignal ?? 'SIGTERM',
      timeoutMs: options.timeoutMs ?? (stopTimeout === undefined ? 10_000 : stopTimeout * 1000),
      signal: options.signal,
    }
    await this.#act('stop', () => stop(this.#context, this.id, request))
  }

  /** Stops and starts. */
  async restart(options: StopOptions = {}): Promise<void> {
    await this.stop(options)
    await this.start(options.signal ? { signal: options.signal } : {})
  }

  /**
   * Sends a signal to the first process.
   *
   * @param signal a name (`'SIGHUP'`, `'hup'`) or number; default SIGKILL
   * @throws {InvalidStateError} when it does not run
   */
  async kill(signal: string | number = 'SIGKILL'): Promise<void> {
    this.#record()
    await this.#act('kill', () => kill(this.#context, this.id, signal))
  }

  /** Resolves when it does not run (any more), with how it ended; by whichever process it was started. */
  async wait({ signal }: { signal?: AbortSignal } = {}): Promise<ExitResult> {
    this.#record()
    const outcome = await this.#act('wait for', () => waitEnded(this.#context, this.id, signal))
    return outcome ? resultOf(outcome) : { exitCode: 0, signal: undefined, oomKilled: false }
  }

  /**
   * Removes it, with its writable layer and log, and with `volumes` its anonymous volumes.
   *
   * @throws {ConflictError} CONTAINER_IN_USE when it runs and `force` is not set
   */
  async remove(options: RemoveOptions = {}): Promise<void> {
    this.#record()
    await this.#act('remove', () => remove(this.#context, this.id, options))
  }

  /**
   * `docker inspect`: Docker's document, by Docker's names.
   *
   * @example
   * ```ts
   * const { State, SizeRw } = await container.inspect({ size: true })
   * ```
   */
  async inspect(options: InspectOptions = {}): Promise<ContainerInspect> {
    options.signal?.throwIfAborted()
    const record = this.#record()
    return this.#act('inspect', () => inspect(this.#context, record, options))
  }

  /**
   * Which of its ports the host publishes where, as `docker port` tells it: none while it does not run.
   *
   * @example
   * ```ts
   * const [address] = (await container.ports())['5000/tcp'] ?? []
   * ```
   */
  async ports(): Promise<PublishedPorts> {
    return publishedPorts(await this.#boundPorts())
  }

  /**
   * Where one of its ports is reached: `'0.0.0.0:32768'` for each address that it is published at.
   *
   * @param port `'5000/tcp'`; the protocol is TCP when it is left out
   * @throws {NotFoundError} PORT_NOT_PUBLISHED; {InvalidOptionError} INVALID_OPTION when it is no port
   * @example
   * ```ts
   * const [address] = await container.port('5000/tcp')
   * ```
   */
  async port(port: string | number): Promise<string[]> {
    return portAddresses(this.name, await this.#boundPorts(), port)
  }

  async #boundPorts() {
    const record = this.#record()
    await this.#act('tell the ports of', () => settle(this.#context, record))
    return this.#context.networking(this.id).ports
  }

  /** Gives it another name. @throws {InvalidOptionError} INVALID_NAME; {ConflictError} NAME_IN_USE */
  async rename(name: string): Promise<void> {
    this.#record()
    checkContainerName(name)
    await this.#act('rename', () => this.#context.rename(this.id, name))
  }

  /**
   * Its output so far, and with `follow` what comes: an async iterable of entries, or streams, or all text at once.
   *
   * @example
   * ```ts
   * for await (const { stream, text } of container.logs({ follow: true })) console.log(stream, text)
   * const everything = await container.logs().text()
   * ```
   */
  logs(options: LogsOptions = {}): Logs {
    this.#record()
    return new Logs(this.#context, this.id, options)
  }

  /** A process to run in it: await the builder for its output, or `start()` it for its streams. */
  exec(command: readonly string[], options: ExecOptions = {}): ExecBuilder {
    return new ExecBuilder(this.#context, this.id, command, options)
  }

  /** Attaches to the first process: its output from now on, and its stdin when it is interactive. */
  async attach(): Promise<Attachment> {
    const { config } = this.#record()
    return attach(this.#context, this.id, { tty: config.tty, stdin: config.interactive })
  }

  /**
   * What its files differ in from its image's: added (A), changed (C) and deleted (D) paths, as `docker diff` tells them.
   * A directory comes before what is in it, names sorted. What is mounted does not count; only places of mounts that had
   * to be made.
   *
   * @example
   * ```ts
   * for (const { kind, path } of await container.diff()) console.log(kind, path)
   * ```
   */
  async diff({ signal }: { signal?: AbortSignal } = {}): Promise<Change[]> {
    signal?.throwIfAborted()
    const record = this.#record()
    return this.#act('compare', () => diff(this.#context, record, signal))
  }

  /**
   * All its files as a tar, without what is mounted: `docker export`. Made as fast as it is read, running or not. The
   * stream fails when the container is removed meanwhile.
   *
   * @example
   * ```ts
   * await pipeline(container.export(), createWriteStream('root.tar'))
   * const flat = await engine.images.import(container.export(), { reference: 'flat' })
   * ```
   */
  export(options: ExportOptions = {}): Readable {
    options.signal?.throwIfAborted()
    return exportFiles(this.#context, this.#record(), options)
  }

  /**
   * Makes an image of it: its image, what has changed as one more layer, and its configuration. A running container
   * stands still while its files are read, unless `pause` is false; it goes on even if this process is killed meanwhile.
   *
   * @param reference the image's name; none by default
   * @throws {LayerError} TOO_MANY_LAYERS beyond 127; LAYER_INVALID for a name that no layer can have
   * @throws {InvalidOptionError} INVALID_REFERENCE; INVALID_OPTION for a change
   * @see https://github.com/opencontainers/image-spec/blob/main/layer.md
   *
   * @example
   * ```ts
   * const image = await container.commit('me/app:1', { message: 'with data', changes: ['CMD ["app"]'] })
   * ```
   */
  async commit(reference?: string, options: CommitOptions = {}): Promise<Image> {
    options.signal?.throwIfAborted()
    const record = this.#record()
    return this.#act('commit', () => commit(this.#context, record, reference, options))
  }

  /** System calls that fail on the way are errors of ours. */
  #act<Result>(verb: string, body: () => Promise<Result>): Promise<Result> {
    return reporting(`cannot ${verb} container ${this.name}`, body)
  }

  #record(): ContainerRecord {
    this.#context.closing.throwIfAborted()
    const record = this.#context.containers.get(this.id)
    if (record) return record
    throw noSuchContainer(this.id)
  }
}
