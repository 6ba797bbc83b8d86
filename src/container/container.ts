import type { Agent } from 'node:http'
import type { Agent as SecureAgent } from 'node:https'
import type { LookupFunction, Server, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { EventsOptions } from '../engine/events.js'
import type { Image } from '../engine/image.js'
import type { Snapshot } from '../engine/snapshot.js'
import type { TakeSnapshotOptions } from '../engine/snapshot-capture.js'
import type { CopiedFiles } from '../engine/volume-files.js'
import { reporting } from '../errors/system.js'
import type { EngineEvent } from '../events/event.js'
import type { Change } from '../snapshot/index.js'
import { checkContainerName } from '../spec/names.js'
import type { UpdateOptions } from '../spec/update.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import type { ArchiveSource } from '../volume/archive.js'
import type { CopiedArchive } from '../volume/copy-out.js'
import type { PathStat } from '../volume/copy-place.js'
import { agentTo, type ContainerAgentOptions } from './agent.js'
import {
  type Attachment,
  type AttachOptions,
  attach,
  attachLive,
  type ExitResult,
  isStdinOnce,
  resultOf,
  type StartAttachedOptions,
} from './attach.js'
import { attachBeforeStart } from './attach-before-start.js'
import type { CommitOptions } from './commit.js'
import type { ContainerConnectOptions, ContainerTarget } from './connect.js'
import { type ContainerContext, detachedStreams, type Live, watchedStreams } from './context.js'
import type { ContainerArchiveOptions, ContainerCopies, ContainerCopyOptions, ContainerExtractOptions } from './copy.js'
import { parseDetachKeys } from './detach-keys.js'
import { type ContainerDispatcherOptions, dispatcherTo } from './dispatcher.js'
import type { ExecOptions } from './exec.js'
import { ExecBuilder } from './exec-builder.js'
import type { Exec } from './exec-handle.js'
import { type ExpectedReadiness, expectReady } from './expected-readiness.js'
import { type ExportOptions, exportFiles } from './export.js'
import { ContainerFs } from './fs/container-fs.js'
import type { ContainerInspect } from './inspect.js'
import type { InspectOptions } from './inspection.js'
import { kill } from './kill.js'
import type { ContainerListenOptions } from './listen.js'
import { Logs } from './log-reader.js'
import type { LogsOptions } from './logs.js'
import { type PublishedPorts, portAddresses, publishedPorts } from './ports.js'
import { type RemoveOptions, remove } from './remove.js'
import { settle } from './settle.js'
import { start } from './start.js'
import type { StatsOptions } from './stats.js'
import type { ContainerStats } from './stats-figures.js'
import { type StopOptions, stop } from './stop.js'
import type { ContainerProcesses } from './top.js'
import type { UpdateResult } from './update.js'
import { type WaitOptions, wait } from './wait.js'
import type { AwaitedState, WaitForOptions } from './wait-for.js'
import type { Readiness } from './wait-strategy.js'
import { isAwaited } from './waiting-attachments.js'

/**
 * A container: a handle on what the store knows under its id. Any number of handles, in any number of processes, may exist
 * of one container; none has a state of its own.
 */
export class Container implements AsyncDisposable {
  readonly id: string
  /** The name it had when this handle was made. */
  readonly name: string
  readonly #context: ContainerContext
  #fs: ContainerFs | undefined
  readonly #expected: ExpectedReadiness | undefined
  readonly #isEphemeral: boolean

  /** @internal */
  constructor(
    context: ContainerContext,
    record: Pick<ContainerRecord, 'id' | 'name'> & Partial<Pick<ContainerRecord, 'config'>>,
    expected?: ExpectedReadiness | undefined,
    isEphemeral = record.config?.ephemeral === true,
  ) {
    this.#context = context
    this.#expected = expected
    this.#isEphemeral = isEphemeral
    this.id = record.id
    this.name = record.name
  }

  /** Its files, in the shape of `node:fs/promises`, whether it runs or not. */
  get fs(): ContainerFs {
    this.#fs ??= new ContainerFs(this.#context, this)
    return this.#fs
  }

  /** A handle whose starts wait until it is ready. @internal */
  expecting(expected: ExpectedReadiness): Container {
    return new Container(this.#context, this, expected, this.#isEphemeral)
  }

  /** Waits for what is expected of it. @internal */
  async becomeReady({ signal, live }: { signal?: AbortSignal | undefined; live?: Live | undefined }): Promise<void> {
    if (!this.#expected) return
    await expectReady(this.#context, this, this.#expected, { signal, live })
  }

  /**
   * Starts a created or exited container; one that runs is left alone. Waits until it is ready, if `waitFor()` of its builder
   * has said what that is.
   *
   * @returns whether it did that: false when it ran already
   * @throws {LaunchError} with Docker's exit code, when the program cannot be started; {InvalidStateError} WAIT_TIMED_OUT,
   *   CONTAINER_EXITED_EARLY when it does not become ready
   */
  async start({ signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    signal?.throwIfAborted()
    this.#record()
    const streams = this.#expected ? watchedStreams : detachedStreams
    const live = await this.#act('start', () => start(this.#context, this.id, streams))
    await this.becomeReady({ signal, live })
    return live !== undefined
  }

  /** Starts it with its streams attached from the first byte; attaches to one that runs. */
  async startAttached(options: StartAttachedOptions = {}): Promise<Attachment> {
    const record = this.#record()
    parseDetachKeys(options.detachKeys ?? '')
    if (isAwaited(this.#context, this.id)) return this.#startShared(options)
    const { tty, interactive: stdin } = record.config
    const streams = { attached: true, rows: options.rows ?? 0, columns: options.columns ?? 0 }
    const live = await this.#act('start', () => start(this.#context, this.id, streams))
    if (!live) return this.attach(options)
    const attachment = attachLive(this.#context, live, { ...options, tty, stdin, stdinOnce: isStdinOnce(record) })
    try {
      await this.becomeReady({ live })
      return attachment
    } catch (error) {
      attachment.detach()
      throw error
    }
  }

  /** Others have attached before. */
  async #startShared({ rows = 0, columns = 0, ...options }: StartAttachedOptions): Promise<Attachment> {
    const attachment = await this.attach({ ...options, waitForStart: true })
    if (rows > 0 && columns > 0) attachment.resize(rows, columns)
    try {
      await this.start()
      return attachment
    } catch (error) {
      attachment.detach()
      throw error
    }
  }

  /**
   * Sends the stop signal of the container or its image (default SIGTERM), waits, then kills everything in it. Stopping one that
   * does not run does nothing; one that is paused goes on with the signal, one that waits to be started again stays ended.
   *
   * @example
   * ```ts
   * await container.stop({ timeoutMs: 2000 })
   * ```
   */
  async stop(options: StopOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    await this.#act('stop', () => stop(this.#context, this.id, options))
  }

  /**
   * Stops it, if it runs, and starts it. One that removes itself when it ends stays, as under Docker. Waits until it is ready, as
   * {@link start} does.
   *
   * @throws {InvalidStateError} when it is being removed; {LaunchError} when the program cannot be started
   */
  async restart(options: StopOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    const { restart } = await import('./restart.js')
    await this.#act('restart', () => restart(this.#context, this.id, options))
    await this.becomeReady({ signal: options.signal })
  }

  /**
   * Sends a signal to the first process; SIGKILL to everything in it, and waits for the end. A signal that ends it ends a restart
   * policy's work, too: without a stop signal of its own or its image's, that is any.
   *
   * @param signal a name (`'SIGHUP'`, `'hup'`) or number; default SIGKILL
   * @throws {InvalidStateError} when it does not run; {InvalidOptionError} for a signal that does not exist
   */
  async kill(signal: string | number = 'SIGKILL'): Promise<void> {
    await this.#act('kill', () => kill(this.#context, this.id, signal))
  }

  /**
   * Makes everything in it stand still, until {@link unpause}, a stop or SIGKILL, whatever becomes of this process.
   *
   * @throws {InvalidStateError} when it does not run, or is paused already
   */
  async pause({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted()
    const { pause } = await import('./pause.js')
    await this.#act('pause', () => pause(this.#context, this.id, signal))
  }

  /** Lets it go on. @throws {InvalidStateError} when it is not paused */
  async unpause({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted()
    const { unpause } = await import('./pause.js')
    await this.#act('unpause', () => unpause(this.#context, this.id, signal))
  }

  /**
   * Changes its limits and its restart policy, from now on and where it runs already: `docker update`. What is not given stays.
   *
   * @returns what the kernel cannot do of it, in Docker's words
   * @throws {InvalidOptionError} INVALID_OPTION; {SyscallError} when the kernel refuses, such as a limit below what is in use: nothing
   *   is changed then
   *
   * @example
   * ```ts
   * await container.update({ memory: '256m', memorySwap: '512m', cpus: 1.5, restart: 'on-failure:3' })
   * ```
   */
  async update(options: UpdateOptions, { signal }: { signal?: AbortSignal } = {}): Promise<UpdateResult> {
    signal?.throwIfAborted()
    const { update } = await import('./update.js')
    return this.#act('update', () => update(this.#context, this.id, options, signal))
  }

  /**
   * Resolves with how it ended, by whichever process it was started: when it does not run (any more), at its next end
   * (`'next-exit'`), or when it is gone (`'removed'`).
   *
   * @example
   * ```ts
   * const { exitCode } = await container.wait()
   * const removed = container.wait({ condition: 'removed', signal: AbortSignal.timeout(60_000) })
   * ```
   */
  async wait(options: WaitOptions = {}): Promise<ExitResult> {
    const outcome = await this.#act('wait for', () => wait(this.#context, this.id, options))
    return outcome ? resultOf(outcome) : { exitCode: 0, signal: undefined, oomKilled: false }
  }

  /**
   * Waits until its health checks succeed (`'healthy'`), its program runs (`'running'`), or it is ready by a strategy of
   * `inboard/wait` or a function of your own, whichever process has started it. It has to run, or to be on its way; waiting
   * goes on while it is started again, and while it is paused.
   *
   * @param ready a function is called, with growing pauses, until it does not return `false`
   * @throws {InvalidStateError} CONTAINER_UNHEALTHY when so many checks have failed in a row that it is, `details.output` being
   *   the last one's; INVALID_STATE when it does not run (any more), or has no health check; WAIT_TIMED_OUT;
   *   CONTAINER_EXITED_EARLY, of a strategy, whose errors tell what was tried and how the log ends
   * @see https://docs.docker.com/reference/dockerfile/#healthcheck
   *
   * @example
   * ```ts
   * const db = await engine.run('postgres:16').healthCmd('pg_isready').healthInterval('500ms')
   * await db.waitFor('healthy', { timeoutMs: 30_000 })
   * await db.waitFor(port(5432))
   * ```
   */
  async waitFor(ready: AwaitedState | Readiness, options: WaitForOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    if (typeof ready !== 'string') {
      await expectReady(
        this.#context,
        this,
        { ready: [ready], timeoutMs: options.timeoutMs, isEphemeral: false },
        options,
      )
      return
    }
    const { waitFor } = await import('./wait-for.js')
    await this.#act('wait for', () => waitFor(this.#context, this.id, ready, options))
  }

  /**
   * Connects to one of its TCP ports, within its own network namespace: nothing needs to be published, programs that listen on
   * 127.0.0.1 only are reached, and it works on every network, also on `none`. The socket is one of Node's: it belongs to the
   * caller, and ends with this run of the container, or the engine, at the latest.
   *
   * @param target a port: its loopback, then its own addresses are tried; or also the `host` to connect to from within it
   * @throws {Error} as of `net.connect`: `code` is ECONNREFUSED, ETIMEDOUT, ENOTFOUND and others; {InvalidStateError}
   *   INVALID_STATE when it does not run; {NotFoundError} CONTAINER_NOT_FOUND; {InvalidOptionError} INVALID_OPTION
   *
   * @example
   * ```ts
   * const socket = await container.connect(6379)
   * socket.end('PING\r\n').pipe(process.stdout)
   * const db = await web.connect({ host: 'db', port: 5432 }, { timeoutMs: 1000 })
   * ```
   */
  async connect(target: number | ContainerTarget, options: ContainerConnectOptions = {}): Promise<Socket> {
    this.#record()
    options.signal?.throwIfAborted()
    const { connectTo } = await import('./connect.js')
    return connectTo(this.#context, this.id, target, options)
  }

  /**
   * Listens on a TCP port within its network namespace, for calls from its programs to this process. The server is one of Node's,
   * and listens already; it is closed when this run of the container ends, or by `signal`.
   *
   * @param port 0: any free one, which `server.address()` tells
   * @throws {Error} as of `server.listen`: `code` is EADDRINUSE, EADDRNOTAVAIL and others; otherwise as {@link connect}
   *
   * @example
   * ```ts
   * const server = await container.listen(8080)
   * server.on('connection', (socket) => socket.end('hello\n'))
   * await container.exec(['nc', '127.0.0.1', '8080'])
   * ```
   */
  async listen(port: number, options: ContainerListenOptions = {}): Promise<Server> {
    this.#record()
    options.signal?.throwIfAborted()
    const { listenIn } = await import('./listen.js')
    return listenIn(this.#context, this.id, port, options)
  }

  /**
   * A dispatcher for `fetch` and undici whose requests, whatever host their URLs name, go to the ports of this container, as
   * {@link connect} has it; also over TLS. To be closed by the caller, as any of undici's.
   *
   * @param options undici's of an `Agent`; `connect` has those of TLS
   *
   * @example
   * ```ts
   * const dispatcher = web.dispatcher()
   * const answer = await fetch('http://web:8080/health', { dispatcher })
   * await dispatcher.close()
   * ```
   */
  dispatcher(options: ContainerDispatcherOptions = {}): Dispatcher {
    this.#record()
    return dispatcherTo((port, rest) => this.connect(port, rest), options)
  }

  /**
   * The same for libraries that take an `http.Agent`, or with `tls` an `https.Agent`: axios, got, node-fetch.
   *
   * @example
   * ```ts
   * http.get('http://web:8080/', { agent: web.agent() }, (answer) => answer.pipe(process.stdout))
   * https.get('https://web:8443/', { agent: web.agent({ tls: true, ca }) })
   * ```
   */
  agent(options?: Extract<ContainerAgentOptions, { readonly tls?: false }>): Agent
  agent(options: Extract<ContainerAgentOptions, { readonly tls: true }>): SecureAgent
  agent(options: ContainerAgentOptions = {}): Agent | SecureAgent {
    this.#record()
    return agentTo((port, rest) => this.connect(port, rest), options)
  }

  /**
   * What `dns.lookup` is, with names as its programs see them: `localhost` and its own names are its loopback, then its hosts
   * file counts, then its name servers, which are asked over TCP within its network.
   *
   * @example
   * ```ts
   * web.lookup('db', { all: true }, (error, addresses) => console.log(error ?? addresses))
   * ```
   */
  get lookup(): LookupFunction {
    return (hostname, given, called) => {
      const [options, callback] = typeof given === 'function' ? [{}, given as typeof called] : [given, called]
      import('./lookup.js')
        .then(async ({ answer, lookup }) => {
          const found = await lookup(this.#context, this.id, hostname, options)
          return () => answer(options, callback, found)
        })
        .catch((error: Error) => () => callback(error as NodeJS.ErrnoException, ''))
        // What the caller throws is its own, and no rejection of ours.
        .then((tell) => process.nextTick(tell))
    }
  }

  /**
   * Removes it, with its writable layer and log, and with `volumes` its anonymous volumes.
   *
   * @throws {ConflictError} CONTAINER_IN_USE when it runs and `force` is not set
   */
  async remove(options: RemoveOptions = {}): Promise<void> {
    await this.#act('remove', () => remove(this.#context, this.id, options))
  }

  /**
   * Removes it with its anonymous volumes, whatever its state; nothing happens when it has gone.
   *
   * @example
   * ```ts
   * await using redis = await engine.run('redis:7')
   * ```
   */
  async close(): Promise<void> {
    // It went with the engine.
    if (this.#isEphemeral && this.#context.closing.aborted) return
    const { close } = await import('./close.js')
    await this.#act('remove', () => close(this.#context, this.id))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
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
    const { inspect } = await import('./inspection.js')
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
    const checked = checkContainerName(name)
    await this.#act('rename', () => this.#context.rename(this.id, checked))
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

  /**
   * Attaches to the first process, whoever started it: to its output from now on (with `logs`, from the beginning), and to its
   * stdin when it is interactive. With `waitForStart` also to one that does not run: several may, and share its next start.
   *
   * @throws {InvalidStateError} INVALID_STATE when it is stopped, paused or waits to be started again
   * @throws {InvalidOptionError} INVALID_OPTION for detach keys that cannot be
   *
   * @example
   * ```ts
   * const io = await container.attach({ logs: true })
   * io.stdout.pipe(process.stdout)
   * const { exitCode } = await io.exit
   * ```
   */
  async attach(options: AttachOptions = {}): Promise<Attachment> {
    this.#record()
    const attachTo = options.waitForStart ? attachBeforeStart : attach
    return this.#act('attach to', () => attachTo(this.#context, this.id, options))
  }

  /**
   * Sets the size of its terminal. One without a terminal is left as it is, as under Docker.
   *
   * @throws {InvalidStateError} INVALID_STATE when it does not run
   */
  async resize(rows: number, columns: number): Promise<void> {
    this.#record()
    const { resize } = await import('./resize.js')
    await this.#act('resize', () => resize(this.#context, this.id, rows, columns))
  }

  /**
   * The processes that were started in it by `exec()`, in whichever process, oldest first: those that run, and of those that
   * have ended in this run of the container the last 256 (or some more).
   */
  async execs(): Promise<Exec[]> {
    this.#record()
    const { listExecs } = await import('./exec-handle.js')
    return this.#act('list the execs of', () => listExecs(this.#context, this.id))
  }

  /** One of them by its id. @throws {NotFoundError} EXEC_NOT_FOUND */
  async getExec(id: string): Promise<Exec> {
    this.#record()
    const { findExec } = await import('./exec-handle.js')
    return this.#act('find an exec of', () => findExec(this.#context, this.id, id))
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
    const { diff } = await import('./diff.js')
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
   * What is at a path of it, as Docker's `docker cp` asks it: a symlink is told itself, unless it is to be followed.
   *
   * @throws {NotFoundError} FILE_NOT_FOUND, CONTAINER_NOT_FOUND; {InvalidOptionError}; {LaunchError}
   *
   * @example
   * ```ts
   * const { size, mode } = await container.stat('/etc/passwd')
   * ```
   */
  async stat(path: string, options: ContainerArchiveOptions = {}): Promise<PathStat> {
    return this.#copy('look into', options.signal, (copies) => copies.stat(path, options))
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
    const { commit } = await import('./commit.js')
    return this.#act('commit', () => commit(this.#context, record, reference, options))
  }

  /**
   * Takes its files, and those of all its volumes, as they are at one moment: it stands still, together with whoever else has the
   * volumes, while they are copied, and goes on whatever happens to this process. Any number of containers begin with them then:
   * {@link Snapshot.run}. One that does not run is taken as it was left; its configuration, limits and networks are those of now.
   *
   * What is on paths of the host or in a tmpfs is not in it, and what programs have in memory is lost, as in a power cut: Redis has
   * what it has saved (`SAVE`, or an append-only file).
   *
   * @param options `name`, `labels`; `pause`: default true; `signal` stops the work, and nothing of it is left
   * @throws {ConflictError} SNAPSHOT_EXISTS; {NotFoundError} CONTAINER_NOT_FOUND; {InvalidStateError} INVALID_STATE of one that is dead
   *   or does not stand still; {LayerError} TOO_MANY_LAYERS; {VolumeError}; {InvalidOptionError} INVALID_NAME, INVALID_OPTION
   *
   * @example
   * ```ts
   * const snapshot = await db.snapshot({ name: 'migrated' })
   * const clones = await Promise.all(Array.from({ length: 10 }, () => snapshot.run()))
   * ```
   */
  async snapshot(options: TakeSnapshotOptions = {}): Promise<Snapshot> {
    options.signal?.throwIfAborted()
    this.#record()
    return this.#act('take a snapshot of', () => this.#context.takeSnapshot(this.id, options))
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
  async #act<Result>(verb: string, body: () => Promise<Result>): Promise<Result> {
    this.#context.closing.throwIfAborted()
    return reporting(`cannot ${verb} container ${this.name}`, body)
  }

  #record(): ContainerRecord {
    this.#context.closing.throwIfAborted()
    const record = this.#context.containers.get(this.id)
    if (record) return record
    throw noSuchContainer(this.id)
  }
}
