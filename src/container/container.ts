import type { Readable } from 'node:stream'
import type { EventsOptions } from '../engine/events.js'
import type { Image } from '../engine/image.js'
import type { CopiedFiles } from '../engine/volume-files.js'
import { reporting } from '../errors/system.js'
import type { EngineEvent } from '../events/event.js'
import type { Change } from '../snapshot/index.js'
import { checkContainerName } from '../spec/names.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import type { ArchiveSource } from '../volume/archive.js'
import type { CopiedArchive } from '../volume/copy-out.js'
import { type Attachment, attach, attachLive, type ExitResult, resultOf } from './attach.js'
import { type CommitOptions, commit } from './commit.js'
import { type ContainerContext, detachedStreams } from './context.js'
import type { ContainerArchiveOptions, ContainerCopies, ContainerCopyOptions, ContainerExtractOptions } from './copy.js'
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
import type { StatsOptions } from './stats.js'
import type { ContainerStats } from './stats-figures.js'
import { stop } from './stop.js'
import type { ContainerProcesses } from './top.js'
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
   * Waits until its health checks succeed (`'healthy'`), or its program runs (`'running'`), whichever process has started it.
   * It has to run, or to be on its way; waiting goes on while it is started again, and while it is paused.
   *
   * @throws {InvalidStateError} CONTAINER_UNHEALTHY when so many checks have failed in a row that it is, `details.output` being
   *   the last one's; INVALID_STATE when it does not run (any more), or has no health check; WAIT_TIMED_OUT
   * @see https://docs.docker.com/reference/dockerfile/#healthcheck
   *
   * @example
   * ```ts
   * const db = await engine.run('postgres:16').healthCmd('pg_isready').healthInterval('500ms')
   * await db.waitFor('healthy', { timeoutMs: 30_000 })
   * ```
   */
  async waitFor(state: AwaitedState, options: WaitForOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    const { waitFor } = await import('./wait-for.js')
    await this.#act('wait for', () => waitFor(this.#context, this.id, state, options))
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
   * Its processes, as `docker top` tells them: by ps' columns, with the host's process ids and names of users. Nothing is
   * run for it, in the container or outside.
   *
   * @param psArgs ps' options for columns: `'-ef'` (the default), `'aux'`, `'-eo pid,user,args'`
   * @throws {InvalidStateError} INVALID_STATE when it does not run; {InvalidOptionError} INVALID_OPTION for what ps does not know
   * @see ps(1), proc(5)
   *
   * @example
   * ```ts
   * const { titles, processes } = await container.top('-o pid,user,etime,args')
   * ```
   */
  async top(psArgs = '-ef'): Promise<ContainerProcesses> {
    const record = this.#record()
    const { top } = await import('./top.js')
    return this.#act('list the processes of', () => top(this.#context, record, psArgs))
  }

  /**
   * What it uses of its host, as `docker stats` tells it: CPUs, memory, network, disks, processes. One measurement takes a
   * second; a stream has one each second, until it is left or the container is removed. All is 0 while it does not run.
   *
   * @throws {NotFoundError} CONTAINER_NOT_FOUND; what `signal` was aborted with
   *
   * @example
   * ```ts
   * const { cpuPercent, memoryUsage } = await container.stats()
   * for await (const { pids, netRx } of container.stats({ stream: true })) console.log(pids, netRx)
   * ```
   */
  stats(options: StatsOptions & { readonly stream: true }): AsyncGenerator<ContainerStats, void, undefined>
  stats(options?: StatsOptions & { readonly stream?: false }): Promise<ContainerStats>
  stats(options: StatsOptions = {}): AsyncGenerator<ContainerStats, void, undefined> | Promise<ContainerStats> {
    return options.stream ? this.#statsStream(options) : this.#stats(options)
  }

  async #stats(options: StatsOptions): Promise<ContainerStats> {
    options.signal?.throwIfAborted()
    this.#record()
    const { statsOnce } = await import('./stats.js')
    const stats = await this.#act('measure', () => statsOnce(this.#context, this.id, options))
    if (stats) return stats
    throw noSuchContainer(this.id)
  }

  async *#statsStream(options: StatsOptions): AsyncGenerator<ContainerStats, void, undefined> {
    options.signal?.throwIfAborted()
    this.#record()
    const { statsStream } = await import('./stats.js')
    yield* statsStream(this.#context, this.id, options)
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

  /**
   * Its events, as {@link Engine.events} tells them; those of networks and volumes are not among them.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a moment that is none
   *
   * @example
   * ```ts
   * for await (const { action } of container.events({ since: '1h' })) console.log(action)
   * ```
   */
  events(options: Omit<EventsOptions, 'filters'> = {}): AsyncGenerator<EngineEvent, void, void> {
    this.#context.closing.throwIfAborted()
    return this.#context.eventsOf({ ...options, filters: { type: 'container', container: this.id } })
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
   * Copies a file or directory of the host into it, running or not, by the rules of `docker cp`: `dir/.` is what is in the
   * directory; a destination that is a directory takes the source under its name, any other destination is its new name. It
   * reaches what is mounted: volumes, directories of the host, and while it runs its tmpfs, but no procfs or sysfs. Files are
   * those that it has when this begins, also when it is started again meanwhile. After a failure what was copied before it stays.
   *
   * @param target in the container; symlinks lead nowhere outside it
   * @throws {NotFoundError} FILE_NOT_FOUND, CONTAINER_NOT_FOUND; {InvalidOptionError} as `docker cp` refuses; {LayerError}
   *   LAYER_INVALID when a directory would take a file's place, or a file a directory's; {SyscallError}; {LaunchError} when the
   *   files of a stopped container cannot be mounted
   * @see https://docs.docker.com/reference/cli/docker/container/cp/
   *
   * @example
   * ```ts
   * await container.copyTo('./site/.', '/usr/share/nginx/html')
   * ```
   */
  async copyTo(source: string, target: string, options: ContainerCopyOptions = {}): Promise<CopiedFiles> {
    return this.#copy('copy to', options.signal, (copies) => copies.copyTo(source, target, options))
  }

  /**
   * Copies a file or directory of it to the host, as {@link copyTo} does the other way. None of its symlinks is followed
   * outside it, and nothing is written but below the target.
   *
   * @throws as {@link copyTo}
   *
   * @example
   * ```ts
   * await container.copyFrom('/var/lib/redis/dump.rdb', '/backup/')
   * ```
   */
  async copyFrom(source: string, target: string, options: ContainerCopyOptions = {}): Promise<CopiedFiles> {
    return this.#copy('copy from', options.signal, (copies) => copies.copyFrom(source, target, options))
  }

  /**
   * A file or directory of it as an uncompressed tar, made as fast as it is read, as `docker cp CONTAINER:PATH -`, with what
   * it is as `stat`. A container that does not run is not started, nor removed, before the stream has ended or is destroyed.
   *
   * @throws {NotFoundError} FILE_NOT_FOUND, CONTAINER_NOT_FOUND; {InvalidOptionError}; {LaunchError}; the stream fails with
   *   {NotFoundError} when the container is removed meanwhile
   *
   * @example
   * ```ts
   * const logs = await container.archive('/var/log')
   * await pipeline(logs, createWriteStream(`${logs.stat.name}.tar`))
   * ```
   */
  async archive(path: string, options: ContainerArchiveOptions = {}): Promise<CopiedArchive> {
    return this.#copy('archive', options.signal, (copies) => copies.archive(path, options))
  }

  /**
   * Extracts a tar to a directory of it, as `docker cp - CONTAINER:PATH`.
   *
   * @param tar its bytes, or the path of a file; plain, or compressed with gzip, zstd or xz
   * @throws as {@link copyTo}; {LayerError} LAYER_INVALID, LAYER_ESCAPES, LAYER_TOO_LARGE
   *
   * @example
   * ```ts
   * await container.extract(createReadStream('site.tar'), '/usr/share/nginx/html')
   * ```
   */
  async extract(tar: ArchiveSource, path: string, options: ContainerExtractOptions = {}): Promise<CopiedFiles> {
    return this.#copy('extract to', options.signal, (copies) => copies.extract(tar, path, options))
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

  async #copy<Result>(
    verb: string,
    signal: AbortSignal | undefined,
    body: (copies: ContainerCopies) => Promise<Result>,
  ): Promise<Result> {
    signal?.throwIfAborted()
    const record = this.#record()
    return this.#act(verb, async () => body(await this.#context.copies(record)))
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
