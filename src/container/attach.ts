import { InvalidStateError } from '../errors/index.js'
import type { ExitedFrame, RestartingFrame } from '../launch/protocol.gen.js'
import type { Session } from '../launch/session.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import { linkedSignal } from './abortable.js'
import { proxySignals } from './attach-signals.js'
import type { ContainerContext, Live } from './context.js'
import { parseDetachKeys } from './detach-keys.js'
import { connect } from './dialogue.js'
import { readLogs } from './logs.js'
import { outcomeOf } from './observe.js'
import { type Present, presentFor } from './present.js'
import { SessionAttachment } from './session-attachment.js'
import { signalName } from './signals.js'
import { refusal } from './states.js'
import type { SessionOutput, SessionStreams } from './streams.js'
import { waitEnded } from './wait.js'
import type { StreamSession } from './waiting-session.js'

/** How a program ended: its own exit code, or 128 + the signal that killed it. */
export interface ExitResult {
  readonly exitCode: number
  /** The signal that ended it, such as `SIGKILL`. */
  readonly signal: string | undefined
  /** The kernel killed it for lack of memory. */
  readonly oomKilled: boolean
  /** Why it could not be started (again). */
  readonly error?: string
}

/** What an attachment that a start is made with can be told; the sizes are those of the terminal at the start. */
export interface StartAttachedOptions extends Pick<AttachOptions, 'detachKeys' | 'sigProxy'> {
  readonly rows?: number
  readonly columns?: number
}

/** Options of {@link Container.attach}, as `docker attach` has them. */
export interface AttachOptions {
  /** What was logged before comes first; nothing is missing or comes twice where the two meet. Default false. */
  readonly logs?: boolean
  /** Attach the program's stdin, if the container is interactive. Default true. */
  readonly stdin?: boolean
  /** Default true. */
  readonly stdout?: boolean
  /** Default true. */
  readonly stderr?: boolean
  /**
   * Also to a container that does not run: its streams are those of its next start, from the first byte on if this process
   * starts it. `exit` rejects when that start fails. Default false: that is refused.
   */
  readonly waitForStart?: boolean
  /**
   * What lets go of the container when it is written to a terminal's `stdin`: characters, and `ctrl-` with a letter or one of
   * `@[\]^_`, separated by commas. Default `ctrl-p,ctrl-q`.
   */
  readonly detachKeys?: string
  /**
   * SIGINT, SIGTERM, SIGHUP and SIGQUIT of this process go to the program while it is attached, and do not end this process;
   * with a terminal, the size of this process's own is the program's. Default false.
   */
  readonly sigProxy?: boolean
  /** Lets go of the container when it fires. */
  readonly signal?: AbortSignal
}

/**
 * The streams of a container's first process, from the attaching to the end of the program; with a restart policy too, as
 * under Docker, to the first end.
 *
 * Read both outputs or destroy one: who leaves one of them full gets nothing of the other. That never holds up the container,
 * or others that are attached. For one stream of both directions there is `Duplex.from({ writable: stdin, readable: stdout })`.
 *
 * The end of `stdin` ends the program's when the container was made for that (`attach()`, `output()` and `create()` of an
 * `interactive()` one) and nobody else has stdin attached.
 *
 * @example
 * ```ts
 * const io = await container.attach({ logs: true, sigProxy: true })
 * process.stdin.pipe(io.stdin)
 * io.stdout.pipe(process.stdout)
 * io.stderr.pipe(process.stderr)
 * if (await io.detached) console.error('it runs on')
 * else process.exitCode = (await io.exit).exitCode
 * ```
 */
export interface Attachment extends SessionStreams {
  /**
   * Resolves when the program has ended and all its output was delivered.
   *
   * @throws {InvalidStateError} INVALID_STATE once the container was let go of: `container.wait()` waits for it
   */
  readonly exit: Promise<ExitResult>
  /** true: the container was let go of, by detach keys, `detach()` or the signal, and runs on; false: the program has ended. */
  readonly detached: Promise<boolean>
  /** The program has a terminal, whose output is all in `stdout`. */
  readonly tty: boolean
  /** The end of `stdin` is the program's, of which nobody else has it attached. */
  readonly stdinOnce: boolean
  /** Sets the size of the terminal. */
  resize(rows: number, columns: number): void
  /** Lets go; the streams end, and the container runs on. */
  detach(): void
}

/**
 * Attaches to the first process of a running container, whoever started it.
 *
 * @throws {InvalidStateError} INVALID_STATE when it is stopped, paused or waits to be started again
 */
export async function attach(context: ContainerContext, id: string, options: AttachOptions = {}): Promise<Attachment> {
  options.signal?.throwIfAborted()
  parseDetachKeys(options.detachKeys ?? '')
  const { record } = (await presentFor(context, id, 'attach')) as Present
  const { tty, interactive } = record.config
  const stdin = interactive && (options.stdin ?? true)
  const session = await connect(context, id)
  if (!session) throw refusal('attach', 'exited', id)
  session.send({ type: 'attach', streams: streamBits(stdin, options) })
  const attached = await session.hold(session.attached)
  // What comes until somebody reads waits in the supervisor.
  session.pause()
  if (!attached) throw refusal('attach', 'exited', id)
  context.tell(record, 'attach')
  // What is typed may end it.
  await context.events.told()
  const ended = programEnd(session).then(async (end) => resultOf(end ? outcomeOf(end) : await waitEnded(context, id)))
  const before = options.logs ? { before: replay(context, id, attached.logBytes, options) } : {}
  const { signal, unlink } = linkedSignal(options.signal, context.closing)
  const input = { ...options, tty, stdin, stdinOnce: isStdinOnce(record), signal, ...before }
  const attachment = attachmentOf(context, id, session, ended, input)
  attachment.detached.then(() => {
    unlink()
    session.close()
  })
  return attachment
}

/** The attachment that a start was made with. */
export function attachLive(context: ContainerContext, live: Live, options: LiveAttachOptions): Attachment {
  return attachmentOf(context, live.id, live.session, firstEnd(live), options)
}

export interface LiveAttachOptions extends StartAttachedOptions {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdinOnce: boolean
}

/** Whether the end of the input that somebody has attached is the program's. */
export const isStdinOnce = ({ config }: Pick<ContainerRecord, 'config'>): boolean =>
  config.interactive && (config.stdinOnce ?? config.attached)

/** How the program has ended, also if it is started again; when the store knows, if it is not. */
export async function firstEnd(live: Live): Promise<ExitResult> {
  const end = await live.session.hold(programEnd(live.session))
  return resultOf(end?.type === 'restarting' ? outcomeOf(end) : await live.ended())
}

export interface AttachmentInput extends Pick<AttachOptions, 'detachKeys' | 'sigProxy' | 'signal'> {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdinOnce: boolean
  readonly before?: (output: SessionOutput) => Promise<void>
}

/** The attachment that a session makes. */
export function attachmentOf(
  context: ContainerContext,
  id: string,
  session: StreamSession,
  ended: Promise<ExitResult>,
  { tty, stdin, stdinOnce, detachKeys, sigProxy, signal, before }: AttachmentInput,
): Attachment {
  const streams = new SessionAttachment(session, ended.then(ignore, ignore), {
    stdin,
    keys: tty ? parseDetachKeys(detachKeys ?? '') : undefined,
    onLetGo: () => tell(context, id, 'detach'),
    ...(before && { before }),
  })
  const resize = (rows: number, columns: number) => {
    session.send({ type: 'resize', rows, columns })
    tell(context, id, 'resize', { height: String(rows), width: String(columns) })
  }
  const target = { signal: (number: number) => void session.signal(number), ...(tty && { resize }) }
  const unproxy = sigProxy ? proxySignals(target) : ignore
  const detach = () => streams.letGo()
  signal?.addEventListener('abort', detach, { once: true })
  if (signal?.aborted) detach()
  const { detached } = streams
  detached.then(() => {
    unproxy()
    signal?.removeEventListener('abort', detach)
  })
  const exit = detached.then((isDetached) => {
    if (isDetached) throw letGoOf(id, signal)
    return ended
  })
  // Who reads only the streams must not be ended by an engine that is closed meanwhile.
  exit.catch(ignore)
  const { stdin: input, stdout, stderr } = streams
  return { stdin: input, stdout, stderr, exit, detached, tty, stdinOnce, resize, detach }
}

const streamBits = (stdin: boolean, { stdout = true, stderr = true }: AttachOptions) =>
  (stdin ? 1 : 0) | (stdout ? 2 : 0) | (stderr ? 4 : 0)

/** The end of the program that runs now, also of one that is started again; undefined when the connection has ended before. */
export function programEnd(session: Session): Promise<ExitedFrame | RestartingFrame | undefined> {
  return new Promise((resolve) => {
    if (session.restarting) return resolve(session.restarting)
    const unwatch = session.watch({
      onRestarting(frame) {
        unwatch()
        resolve(frame)
      },
    })
    session.exited.then(resolve)
  })
}

/** Everything that was logged up to there. */
export function replay(
  context: ContainerContext,
  id: string,
  endBytes: number,
  { stdout = true, stderr = true }: AttachOptions,
): (output: SessionOutput) => Promise<void> {
  return async (output) => {
    for await (const { stream, bytes } of readLogs(context, id, { endBytes, stdout, stderr }))
      await output.put(stream, bytes)
  }
}

/** An event of a container that may be gone by now. */
function tell(context: ContainerContext, id: string, action: string, extra?: Readonly<Record<string, string>>): void {
  const record = context.closing.aborted ? undefined : context.containers.get(id)
  if (record) context.tell(record, action, extra)
}

function letGoOf(id: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  return new InvalidStateError(
    `container ${id} was detached from, and runs on: wait() of the container tells its end`,
    {
      code: 'INVALID_STATE',
      details: { container: id, from: 'detached', to: 'exited' },
    },
  )
}

function ignore(): void {}

export function resultOf(outcome: Outcome | undefined): ExitResult {
  return {
    exitCode: outcome?.exitCode ?? 137,
    signal: outcome?.signal ? signalName(outcome.signal) : undefined,
    oomKilled: outcome?.oomKilled ?? false,
    ...(outcome?.error && { error: outcome.error }),
  }
}
