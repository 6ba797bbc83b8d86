import { randomFillSync } from 'node:crypto'
import { closeSync, existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { InvalidOptionError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { native } from '../host/index.js'
import type { EnvInput } from '../spec/options.js'
import type { ContainerRecord } from '../store/containers.js'
import { traced } from '../tracing/index.js'
import type { ContainerContext, ExecPipes, ExecRequest, LiveExec } from './context.js'
import { parseDetachKeys } from './detach-keys.js'
import { Exec } from './exec-handle.js'
import type { ExecInspect } from './exec-inspect.js'
import { clearLostExec, forgetOldExecs } from './exec-leftovers.js'
import { gather } from './exec-output.js'
import { observe } from './observe.js'
import { type Present, presentFor } from './present.js'
import { SessionAttachment } from './session-attachment.js'
import { signalNumber } from './signals.js'
import { refusal } from './states.js'
import { feed, noInput, type SessionStreams } from './streams.js'

/** Options of an exec, as `docker exec` has them. */
export interface ExecOptions {
  /** As of `run()`: a name without a value has that of this process. */
  readonly env?: EnvInput
  /** Files with variables, `NAME=value` a line; `env` comes on top. */
  readonly envFile?: string | readonly string[]
  /** `name|uid[:group|gid]`, looked up in the container's files. Default: the container's. */
  readonly user?: string
  /** Default: the container's. */
  readonly workdir?: string
  readonly tty?: boolean
  readonly privileged?: boolean
  /** What the process reads; a stream is piped. Default: nothing (`start()`: a writable stdin when `interactive`). */
  readonly stdin?: string | Uint8Array | Readable
  /** Keep stdin open for writing (`start()`). Default false. */
  readonly interactive?: boolean
  /** Whether `inspect()` says that its output is attached. Default true, unless it is detached. */
  readonly stdout?: boolean
  readonly stderr?: boolean
  readonly rows?: number
  readonly columns?: number
  /** What lets go of the process when it is written to its terminal's `stdin`. Default `ctrl-p,ctrl-q`. */
  readonly detachKeys?: string
  /** Kills the process, and everything it has started. */
  readonly signal?: AbortSignal
}

/** What an exec'd process left. A non-zero exit code is a result, not an error. */
export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A running exec that this process has started, and its streams. */
export interface ExecProcess extends SessionStreams, AsyncDisposable {
  /** By which any process finds it: `container.getExec(id)`. */
  readonly id: string
  /** As the host sees it. */
  readonly pid: number
  /** Resolves with its exit code (128 + n when signal n killed it); also after it was detached from. */
  readonly exit: Promise<number>
  /** true: its terminal was let go of, by detach keys or `detach()`, and it runs on; false: it has ended. */
  readonly detached: Promise<boolean>
  /** SIGKILL, the default, goes to everything it has started as well. */
  kill(signal?: string | number): void
  resize(rows: number, columns: number): void
  /** Lets go of its streams; it runs on. */
  detach(): void
  inspect(): Promise<ExecInspect>
  /** Kills it with everything it has started, and waits for its end; nothing happens when it has ended. */
  close(): Promise<void>
}

/** A process that runs, its container, and when it ends. */
export interface Started {
  readonly record: ContainerRecord
  readonly exec: Exec
  readonly live: LiveExec
  readonly exit: Promise<number>
}

/** Starts a process in a running container. */
export async function startExec(
  context: ContainerContext,
  id: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<ExecProcess> {
  return startWith(context, id, requestOf(command, options, 'streams'), options)
}

/** The same of a request. */
export async function startWith(
  context: ContainerContext,
  id: string,
  request: ExecRequest,
  options: ExecOptions,
): Promise<ExecProcess> {
  const started = await launch(context, id, request, options.signal)
  const { exec, live, exit } = started
  killedBy(options.signal, started)
  const streams = live.pipes ? new PipeStreams(live.pipes, exit) : terminalStreams(context, started, options)
  const held = live.session.hold(streams.detached.then((detached) => (detached ? undefined : exit)))
  held.catch(() => {})
  if (options.stdin !== undefined) feed(streams.stdin, options.stdin)
  const close = async () => {
    send(live, SIGKILL)
    // How it has ended may be gone with its container.
    await exit.catch(() => {})
  }
  return {
    id: exec.id,
    pid: live.pid,
    stdin: streams.stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    exit,
    detached: streams.detached,
    kill: (name = 'SIGKILL') => send(live, signalNumber(name)),
    resize: (rows, columns) => void live.session.send({ type: 'resize', rows, columns }),
    detach: () => streams.letGo(),
    inspect: () => exec.inspect(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Starts one that nobody reads, and that lives on without this process. */
export async function detachExec(
  context: ContainerContext,
  id: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<Exec> {
  const started = await launchDetached(context, id, requestOf(command, options, 'nothing'), options)
  return started.exec
}

/** The same of a request. */
export async function launchDetached(
  context: ContainerContext,
  id: string,
  request: ExecRequest,
  options: ExecOptions,
): Promise<Started> {
  const started = await launch(context, id, request, options.signal)
  killedBy(options.signal, started)
  started.live.session.unref()
  return started
}

/** Runs a process to its end and gathers its output. @throws the signal's reason when aborted, after the process was killed */
export async function runExec(
  context: ContainerContext,
  id: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const request = requestOf(command, options, 'output')
  return traced('inboard:container.exec', tracedExec(id, request), async (message) => {
    const process = await startWith(context, id, request, options)
    if (message) message.pid = process.pid
    const [stdout, stderr, exitCode] = await Promise.all([
      gather(process.stdout, process.exit),
      gather(process.stderr, process.exit),
      process.exit,
    ])
    if (message) message.exitCode = exitCode
    options.signal?.throwIfAborted()
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
  })
}

const tracedExec =
  (container: string, { id: exec, command }: ExecRequest) =>
  () => ({ container, exec, command })

const idBytes = 32
/** Those of many ids cost no more than those of one. */
const random = Buffer.alloc(64 * idBytes)
let randomUsed = random.length

function newExecId(): string {
  if (randomUsed === random.length) {
    randomFillSync(random)
    randomUsed = 0
  }
  randomUsed += idBytes
  return random.toString('hex', randomUsed - idBytes, randomUsed)
}

/** What the caller has of an exec once it runs. */
type Wanted = 'streams' | 'output' | 'nothing'

/** What is to be started, checked. @throws {InvalidOptionError} INVALID_OPTION */
export function requestOf(command: readonly string[], options: ExecOptions, wanted: Wanted): ExecRequest {
  if (command.length === 0 || command.some((word) => typeof word !== 'string'))
    throw new InvalidOptionError(
      'No exec command specified: give the program and its arguments as an array of strings',
      { code: 'INVALID_OPTION', details: { option: 'command' } },
    )
  parseDetachKeys(options.detachKeys ?? '')
  const { stdin, interactive = false, tty = false } = options
  return {
    id: newExecId(),
    command,
    env: options.env,
    envFiles: options.envFile === undefined ? [] : [options.envFile].flat(),
    user: options.user ?? '',
    workdir: options.workdir ?? '',
    tty,
    stdin: wanted !== 'nothing' && (stdin !== undefined || interactive || tty),
    stdout: wanted !== 'nothing' && (options.stdout ?? true),
    stderr: wanted !== 'nothing' && (options.stderr ?? true),
    privileged: options.privileged ?? false,
    detached: wanted === 'nothing',
    gathered: wanted === 'output',
    isTold: false,
    detachKeys: options.detachKeys ?? '',
    rows: options.rows ?? 0,
    columns: options.columns ?? 0,
  }
}

/** One start in so many looks whether there is something to forget. */
const startsPerLook = 64

async function launch(
  context: ContainerContext,
  id: string,
  request: ExecRequest,
  signal: AbortSignal | undefined,
): Promise<Started> {
  signal?.throwIfAborted()
  const { record, pid, fd } = await reporting(`cannot exec in container ${id}`, () => openFirst(context, id))
  try {
    const live = await reporting(`cannot exec in container ${record.name}`, () =>
      traced('inboard:container.exec.start', tracedExec(id, request), async (message) => {
        const live = await context.launchExec(record, pid, fd, request)
        if (message) message.pid = live.pid
        return live
      }),
    )
    if (Number.parseInt(request.id.slice(0, 4), 16) % startsPerLook === 0)
      live.supervisorGone.then(() => forgetOldExecs(context, id)).catch(() => {})
    return { record, exec: new Exec(context, id, request.id), live, exit: exitOf(context, id, request.id, live) }
  } catch (error) {
    // It has ended on the way: what that made impossible does not matter.
    if (!existsSync(`/proc/${pid}/root`)) throw refusal('exec', 'exited', id)
    throw error
  } finally {
    closeSync(fd)
  }
}

/** A descriptor of the container's first process, surely this one: see `openProcess`. */
async function openFirst(
  context: ContainerContext,
  id: string,
): Promise<{ record: ContainerRecord; pid: number; fd: number }> {
  const { record, observed } = (await presentFor(context, id, 'exec')) as Present
  const pid = observed.status === 'running' ? observed.pid : 0
  const fd = openProcess(pid)
  if (fd === undefined) throw refusal('exec', 'exited', id)
  try {
    const after = observe(context, record)
    if (after.status === 'running' && after.pid === pid && !after.paused) return { record, pid, fd }
    await presentFor(context, id, 'exec')
    throw refusal('exec', 'exited', id)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function openProcess(pid: number): number | undefined {
  try {
    return native().pidfdOpen(pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined
    throw error
  }
}

/** Its exit code. When its supervisor is killed, the process is too, and what it has started is ended here. */
async function exitOf(context: ContainerContext, id: string, exec: string, live: LiveExec): Promise<number> {
  const frame = await live.session.exited
  if (frame) {
    // Its result does not wait for that; the end of the container does away with the rest.
    leave(context, id, exec, live).catch(() => {})
    return (frame.signaled ? 128 : 0) + frame.status
  }
  await live.supervisorGone
  // What cannot be cleared is found by whoever looks next.
  if (!context.closing.aborted) await clearLostExec(context, id, exec).catch(() => {})
  return 137
}

/** Does what is left of the teardown when that was cut short. */
async function leave(context: ContainerContext, id: string, exec: string, { session }: LiveExec): Promise<void> {
  const torndown = await session.torndown
  const record = torndown?.failures === 0 || context.closing.aborted ? undefined : context.containers.get(id)
  if (record) context.leaveExec(record, exec)
}

const SIGKILL = 9

function send({ session }: LiveExec, signal: number): void {
  void session.signal(signal, { everyone: signal === SIGKILL })
}

function killedBy(signal: AbortSignal | undefined, { live, exit }: Started): void {
  if (!signal) return
  const onAbort = () => send(live, SIGKILL)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  exit.then(() => signal.removeEventListener('abort', onAbort))
}

function terminalStreams(
  context: ContainerContext,
  { record, exec, live, exit }: Started,
  { detachKeys }: ExecOptions,
): SessionAttachment {
  return new SessionAttachment(live.session, exit, {
    stdin: true,
    keys: parseDetachKeys(detachKeys ?? ''),
    onLetGo: () => {
      if (!context.closing.aborted) context.tell(record, 'exec_detach', { execID: exec.id })
    },
  })
}

/** Our ends of a process's pipes. */
class PipeStreams implements SessionStreams {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly detached: Promise<boolean>
  #settle!: (detached: boolean) => void

  constructor({ stdin, stdout, stderr }: ExecPipes, ended: Promise<unknown>) {
    this.stdin = stdin ?? noInput()
    // The process may close its end at any time: that is no error of the writer's.
    this.stdin.on('error', () => {})
    this.stdout = stdout
    this.stderr = stderr
    this.detached = new Promise((resolve) => {
      this.#settle = resolve
    })
    ended.then(() => this.#settle(false))
  }

  letGo(): void {
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.destroy()
    this.#settle(true)
  }
}
