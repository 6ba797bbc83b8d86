import { Socket } from 'node:net'
import { rescueUnread } from '../sockets/rescue.js'
import { FrameReader } from './frame-reader.js'
import {
  type AttachedFrame,
  type ExitedFrame,
  encodeFrame,
  type FailedFrame,
  type Frame,
  type FrozenFrame,
  type HealthFrame,
  type HelloFrame,
  type ResolvingFrame,
  type RestartingFrame,
  type StartedFrame,
  type TorndownFrame,
} from './protocol.gen.js'

/** How a program ended, as the supervisor saw it. */
export type Exit = ExitedFrame

/** What a session tells of output. */
export interface SessionListener {
  onOutput?(stream: 'stdout' | 'stderr', chunk: Buffer): void
}

/** What a session tells of a container's life, in the order of the frames. */
export interface SessionWatcher {
  /** The program has ended, and is started again. */
  onRestarting?(frame: RestartingFrame): void
  /** It runs again. Of the first start tells {@link Session.started}. */
  onStarted?(frame: StartedFrame): void
  /** After each health check. */
  onHealth?(frame: HealthFrame): void
}

export interface SignalOptions {
  /** Also all others in its cgroups; of SIGKILL only. Default false. */
  readonly everyone?: boolean
  /** It is not started again, whatever its policy. Default false. */
  readonly final?: boolean
}

/** Waiters for the answers to one kind of request, which come in the order of the requests. */
class Answers<Answer> {
  readonly #waiting: ((answer: Answer | undefined) => void)[] = []

  next(): Promise<Answer | undefined> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  take(answer: Answer): void {
    this.#waiting.shift()?.(answer)
  }

  end(): void {
    for (const resolve of this.#waiting.splice(0)) resolve(undefined)
  }
}

/**
 * A dialogue with one supervisor over its control socket. The promises never reject: each resolves to undefined when the
 * connection ends before the frame came.
 */
export class Session {
  /** The program runs for the first time, or the step that failed. */
  readonly started: Promise<
    { kind: 'started'; pid: number; startedAtNs: bigint } | { kind: 'failed'; failure: FailedFrame } | undefined
  >
  /** The run is over: the program has ended, and is not started again. */
  readonly exited: Promise<Exit | undefined>
  readonly torndown: Promise<TorndownFrame | undefined>
  /** What was attached to begins behind so much of the log. */
  readonly attached: Promise<AttachedFrame | undefined>
  readonly hello: Promise<HelloFrame | undefined>
  /** The connection is closed: the supervisor is gone, or let go of us. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  #listener: SessionListener = {}
  readonly #watchers = new Set<SessionWatcher>()
  #pending: { stream: 'stdout' | 'stderr'; chunk: Buffer }[] = []
  readonly #frozen = new Answers<FrozenFrame>()
  readonly #resolving = new Answers<ResolvingFrame>()
  readonly #done = new Answers<number>()
  #start: StartedFrame | undefined
  #restarting: RestartingFrame | undefined
  #failure: FailedFrame | undefined
  #carriesInput = false
  #waiting = 0
  #released = false
  #readsOn = false

  constructor(socket: Socket) {
    this.#socket = socket
    const once = <T>() => {
      let resolve!: (value: T) => void
      const promise = new Promise<T>((done) => {
        resolve = done
      })
      return { promise, resolve }
    }
    const started = once<Awaited<Session['started']>>()
    const exited = once<Exit | undefined>()
    const torndown = once<TorndownFrame | undefined>()
    const attached = once<AttachedFrame | undefined>()
    const hello = once<HelloFrame | undefined>()
    const closed = once<void>()
    this.started = started.promise
    this.exited = exited.promise
    this.torndown = torndown.promise
    this.attached = attached.promise
    this.hello = hello.promise
    this.closed = closed.promise

    const reader = new FrameReader((frame) => {
      switch (frame.type) {
        case 'hello':
          return hello.resolve(frame)
        case 'started':
          started.resolve({ kind: 'started', pid: frame.pid, startedAtNs: frame.startedAtNs })
          return this.#hasStarted(frame)
        case 'failed':
          this.#failure = frame
          return started.resolve({ kind: 'failed', failure: frame })
        case 'restarting':
          this.#restarting = frame
          return this.#tell((watcher) => watcher.onRestarting?.(frame))
        case 'health':
          return this.#tell((watcher) => watcher.onHealth?.(frame))
        case 'stdout':
        case 'stderr':
          return this.#output(frame.type, Buffer.from(frame.data.buffer, frame.data.byteOffset, frame.data.byteLength))
        case 'exited':
          return exited.resolve(frame)
        case 'torndown':
          return torndown.resolve(frame)
        case 'attached':
          return attached.resolve(frame)
        case 'frozen':
          return this.#frozen.take(frame)
        case 'resolving':
          return this.#resolving.take(frame)
        case 'done':
          return this.#done.take(frame.errno)
        default:
          return
      }
    })
    socket.on('data', (chunk) => reader.push(chunk))
    // A supervisor that has gone has told everything before.
    rescueUnread(socket, (chunk) => reader.push(chunk))
    // The end of the connection is what is listened to; why it ended changes nothing.
    socket.on('error', () => {})
    socket.on('close', () => {
      started.resolve(undefined)
      hello.resolve(undefined)
      exited.resolve(undefined)
      torndown.resolve(undefined)
      attached.resolve(undefined)
      for (const answers of [this.#frozen, this.#resolving, this.#done]) answers.end()
      closed.resolve()
    })
  }

  /** Takes over a status descriptor that spawn returned. */
  static fromDescriptor(descriptor: number): Session {
    return new Session(new Socket({ fd: descriptor, readable: true, writable: true }))
  }

  /** The last start that was told to this connection. */
  get start(): StartedFrame | undefined {
    return this.#start
  }

  /** The end that it waits to be started again after; undefined while it runs. */
  get restarting(): RestartingFrame | undefined {
    return this.#restarting
  }

  /** What failed: of the first start, or of another one that the run has ended with. */
  get failure(): FailedFrame | undefined {
    return this.#failure
  }

  /** Output that came before anyone listened is handed over first. */
  listen(listener: SessionListener): void {
    this.#listener = listener
    const pending = this.#pending
    this.#pending = []
    for (const { stream, chunk } of pending) listener.onOutput?.(stream, chunk)
  }

  /** Any number may watch. Returns what ends it. */
  watch(watcher: SessionWatcher): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  send(frame: Frame): boolean {
    if (frame.type === 'stdin') this.#carriesInput = true
    return this.#socket.writable && this.#socket.write(encodeFrame(frame))
  }

  /**
   * Suspends the container as long as this connection lasts, or until `hold` is false.
   *
   * @param lasting whatever becomes of this connection, until somebody says otherwise: it is paused
   * @returns undefined: the connection has ended
   */
  freeze(hold: boolean, lasting = false): Promise<FrozenFrame | undefined> {
    return this.#ask({ type: 'freeze', hold: hold ? 1 : 0, lasting: lasting ? 1 : 0 }, this.#frozen)
  }

  /**
   * Lets the container's resolver answer, if it does not yet. The answer also says that its program had not ended when
   * the supervisor read this. Undefined: the connection has ended.
   */
  resolve(): Promise<ResolvingFrame | undefined> {
    return this.#ask({ type: 'resolve' }, this.#resolving)
  }

  /**
   * Sends a signal to the first process.
   *
   * @param signal its number; 0: none, only what the options say
   * @returns 0; ESRCH: there is no program (any more); undefined: the connection has ended
   */
  signal(signal: number, { everyone = false, final = false }: SignalOptions = {}): Promise<number | undefined> {
    return this.#ask({ type: 'signal', signal, everyone: everyone ? 1 : 0, final: final ? 1 : 0 }, this.#done)
  }

  /**
   * Has it restarted by another policy from now on.
   *
   * @param policy of `restartPolicies`
   * @returns 0; ESRCH: the run is over; undefined: the connection has ended
   */
  policy(policy: number, maximum: number): Promise<number | undefined> {
    return this.#ask({ type: 'policy', policy, maximum }, this.#done)
  }

  /** Resolves when what was sent has left this process. */
  drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      this.#socket.once('drain', resolve)
      this.#socket.once('close', resolve)
    })
  }

  pause(): void {
    if (!this.#readsOn) this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /**
   * Reads what a supervisor has said that has gone, also when nobody takes its output: the kernel keeps some 200 KiB of it. How
   * the run has ended comes behind that.
   */
  readOn(): void {
    this.#readsOn = true
    this.#socket.resume()
  }

  /** While someone waits for a frame the connection keeps the process alive; otherwise it does not. */
  async hold<T>(promise: Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#socket.ref()
    try {
      return await promise
    } finally {
      if (--this.#waiting === 0) this.#socket.unref()
    }
  }

  unref(): void {
    if (this.#waiting === 0) this.#socket.unref()
  }

  /** Lets go of a supervisor that lives on. */
  close(): void {
    this.#released = true
    this.#socket.destroy()
  }

  /** Output or input goes through it: what is asked here may wait for whoever reads those. */
  get carriesStreams(): boolean {
    return this.#carriesInput || this.#listener.onOutput !== undefined
  }

  /** The connection ended by `close()`, which says nothing of the supervisor. */
  get released(): boolean {
    return this.#released
  }

  #ask<Answer>(request: Frame, answers: Answers<Answer>): Promise<Answer | undefined> {
    if (this.#socket.destroyed) return Promise.resolve(undefined)
    const answer = answers.next()
    this.send(request)
    return answer
  }

  #hasStarted(frame: StartedFrame): void {
    const isFirst = this.#start === undefined && this.#restarting === undefined
    this.#start = frame
    this.#restarting = undefined
    if (!isFirst || frame.restarts > 0) this.#tell((watcher) => watcher.onStarted?.(frame))
  }

  #tell(event: (watcher: SessionWatcher) => void): void {
    for (const watcher of [...this.#watchers]) event(watcher)
  }

  #output(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#listener.onOutput) this.#listener.onOutput(stream, chunk)
    else this.#pending.push({ stream, chunk })
  }
}
