import { closeSync, existsSync } from 'node:fs'
import { Socket } from 'node:net'
import { type Readable, Writable } from 'node:stream'
import { InvalidOptionError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import type { Session } from '../launch/session.js'
import { notRunning } from './container-errors.js'
import type { ContainerContext, ExecRequest } from './context.js'
import { openProcess } from './kill.js'
import { signalNumber } from './signals.js'
import { collect, feed, sessionStreams } from './streams.js'

/** Options of an exec, as `docker exec` has them. */
export interface ExecOptions {
  readonly env?: Readonly<Record<string, string>> | readonly string[]
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
  readonly rows?: number
  readonly columns?: number
  /** Kills the process. */
  readonly signal?: AbortSignal
}

/** What an exec'd process left. A non-zero exit code is a result, not an error. */
export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A running exec. */
export interface ExecProcess {
  /** As the host sees it. */
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves with its exit code (128 + n when signal n killed it). */
  readonly exit: Promise<number>
  kill(signal?: string | number): void
  resize(rows: number, columns: number): void
}

/** Starts a process in a running container. */
export async function startExec(
  context: ContainerContext,
  id: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<ExecProcess> {
  options.signal?.throwIfAborted()
  if (command.length === 0 || command.some((word) => typeof word !== 'string'))
    throw new InvalidOptionError(
      'No exec command specified: give the program and its arguments as an array of strings',
      {
        code: 'INVALID_OPTION',
        details: { option: 'command' },
      },
    )
  const record = context.containers.get(id)
  const what = `cannot exec in container ${record?.name ?? id}`
  const process = record && (await reporting(what, () => openProcess(context, id)))
  if (!record || !process) throw notRunning(id, 'exec')
  try {
    const request = requestOf(command, options)
    const { session, pid, pipes } = await reporting(what, () =>
      context.launchExec(record, process.pid, process.fd, request),
    )
    const streams = pipes ? pipeStreams(pipes) : sessionStreams(session, true)
    return handle(session, pid, streams, options)
  } catch (error) {
    // It has ended on the way: what that made impossible does not matter.
    if (!existsSync(`/proc/${process.pid}/root`)) throw notRunning(id, 'exec', error)
    throw error
  } finally {
    closeSync(process.fd)
  }
}

function requestOf(command: readonly string[], options: ExecOptions): ExecRequest {
  const env = Array.isArray(options.env)
    ? options.env
    : Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`)
  return {
    command,
    env,
    user: options.user ?? '',
    workdir: options.workdir ?? '',
    tty: options.tty ?? false,
    stdin: options.stdin !== undefined || (options.interactive ?? false) || (options.tty ?? false),
    privileged: options.privileged ?? false,
    rows: options.rows ?? 0,
    columns: options.columns ?? 0,
  }
}

function pipeStreams(pipes: { stdin: number | undefined; stdout: number; stderr: number }) {
  const reader = (fd: number) => new Socket({ fd, readable: true, writable: false })
  const stdin =
    pipes.stdin === undefined
      ? new Writable({ write: (_c, _e, done) => done() })
      : new Socket({ fd: pipes.stdin, readable: false, writable: true })
  // The process may close its end at any time: that is no error of the writer's.
  stdin.on('error', () => {})
  return { stdin, stdout: reader(pipes.stdout) as Readable, stderr: reader(pipes.stderr) as Readable }
}

function handle(
  session: Session,
  pid: number,
  streams: Pick<ExecProcess, 'stdin' | 'stdout' | 'stderr'>,
  { signal, stdin }: ExecOptions,
): ExecProcess {
  const send = (number: number) => void session.send({ type: 'signal', signal: number, everyone: 0, final: 0 })
  const onAbort = () => send(9)
  signal?.addEventListener('abort', onAbort, { once: true })
  const exit = session.hold(session.exited).then((frame) => {
    signal?.removeEventListener('abort', onAbort)
    return frame ? (frame.signaled ? 128 : 0) + frame.status : 137
  })
  if (stdin !== undefined) feed(streams.stdin, stdin)
  return {
    pid,
    ...streams,
    exit,
    kill: (name = 'SIGKILL') => send(signalNumber(name)),
    resize: (rows, columns) => void session.send({ type: 'resize', rows, columns }),
  }
}

/** Runs a process to its end and gathers its output. @throws the signal's reason when aborted, after the process was killed */
export async function runExec(
  context: ContainerContext,
  id: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const process = await startExec(context, id, command, options)
  const [stdout, stderr, exitCode] = await Promise.all([collect(process.stdout), collect(process.stderr), process.exit])
  options.signal?.throwIfAborted()
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}
