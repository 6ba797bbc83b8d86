import type { Frame } from '../launch/protocol.gen.js'
import type { Session, SessionListener, SignalOptions } from '../launch/session.js'
import type { ExitResult } from './attach.js'
import { HeldOutput } from './held-output.js'

/** What the streams of an attachment need of a session. */
export type StreamSession = Pick<Session, 'listen' | 'pause' | 'resume' | 'send' | 'drained' | 'hold' | 'signal'>

/** A run whose program has just been started. */
export interface BegunRun {
  readonly session: StreamSession
  /** How that program ends. */
  readonly ended: Promise<ExitResult>
  /** Everybody who was attached has left. */
  readonly onLeft?: () => void
}

type Output = 'stdout' | 'stderr'

export interface WaitingStreams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** The session of an attachment to a container that does not run yet: it becomes one of several on the session of its start. */
export class WaitingSession implements StreamSession {
  /** Rejects when the start has failed, or the container is no more. */
  readonly begun: Promise<BegunRun>
  /** There was no room for output that waits. */
  onBroken = () => {}
  readonly #streams: WaitingStreams
  readonly #held: Promise<unknown>[] = []
  readonly #output: HeldOutput
  #listener: SessionListener = {}
  #queued: Frame[] = []
  #size: Pick<Extract<Frame, { type: 'resize' }>, 'rows' | 'columns'> | undefined
  #shared: SharedSession | undefined
  #hasInput: boolean
  #begin!: (run: BegunRun) => void
  #fail!: (error: unknown) => void

  /** @param directory where output waits that is not taken as it comes: it holds up neither the end of the program, nor others */
  constructor(streams: WaitingStreams, directory: string) {
    this.#streams = streams
    this.#output = new HeldOutput(directory, (stream, chunk) => this.#listener.onOutput?.(stream, chunk))
    this.#hasInput = streams.stdin
    this.begun = new Promise((resolve, reject) => {
      this.#begin = resolve
      this.#fail = reject
    })
    // Whoever listens to its streams hears of that by their end.
    this.begun.catch(() => {})
  }

  get hasBegun(): boolean {
    return this.#shared !== undefined
  }

  get hasInput(): boolean {
    return this.#hasInput
  }

  /** Of the terminal, where somebody has set it already. */
  get size() {
    return this.#size
  }

  listen(listener: SessionListener): void {
    this.#listener = listener
  }

  pause(): void {
    this.#output.pause()
  }

  resume(): void {
    this.#output.resume()
  }

  /** Resolves when what has come was taken. */
  emptied(): Promise<void> {
    return this.#output.emptied()
  }

  send(frame: Frame): boolean {
    if (frame.type === 'attach') this.leave()
    else if (!this.#shared) this.#keep(frame)
    else if (frame.type !== 'stdinEnd') return this.#shared.session.send(frame)
    else this.#endInput()
    return true
  }

  /** Input that nobody takes yet is waited for by whoever writes it. */
  async drained(): Promise<void> {
    if (!this.#shared) await this.begun.catch(() => {})
    await this.#shared?.session.drained()
  }

  hold<Result>(promise: Promise<Result>): Promise<Result> {
    if (this.#shared) return this.#shared.session.hold(promise)
    this.#held.push(promise)
    return promise
  }

  async signal(signal: number, options?: SignalOptions): Promise<number | undefined> {
    return this.#shared?.session.signal(signal, options)
  }

  /** Nothing comes any more. Doing it twice is harmless. */
  leave(): void {
    this.#output.drop()
    this.#shared?.leave(this)
  }

  /** The program has ended, and been heard to its end. */
  end(): void {
    this.#shared?.end(this)
  }

  /** @internal */
  take(stream: Output, chunk: Buffer): void {
    if (!this.#streams[stream]) return
    try {
      this.#output.take(stream, chunk)
    } catch {
      // A stream with a gap is worth less than none.
      this.onBroken()
    }
  }

  /** @internal */
  share(shared: SharedSession, run: BegunRun): void {
    this.#shared = shared
    for (const promise of this.#held.splice(0)) run.session.hold(promise).catch(() => {})
    for (const frame of this.#queued.splice(0)) this.send(frame)
    this.#begin(run)
  }

  fail(error: unknown): void {
    this.#fail(error)
  }

  /** The program's input ends when all have ended theirs; who only goes leaves a terminal as it is. @internal */
  leaveInput(): void {
    if (!this.#streams.tty) this.#endInput()
  }

  #endInput(): void {
    if (!this.#hasInput) return
    this.#hasInput = false
    this.#shared?.endInput()
  }

  #keep(frame: Frame): void {
    if (frame.type === 'resize') this.#size = { rows: frame.rows, columns: frame.columns }
    else this.#queued.push(frame)
  }
}

/** Those who waited for a start share its session: each has all of the output, at a pace of its own. */
export class SharedSession {
  readonly session: StreamSession
  readonly #members: Set<WaitingSession>
  readonly #onLeft: () => void

  constructor(run: BegunRun, members: ReadonlySet<WaitingSession>) {
    this.session = run.session
    this.#members = new Set(members)
    this.#onLeft = run.onLeft ?? (() => {})
    for (const member of members) member.share(this, run)
    run.session.listen({
      onOutput: (stream, chunk) => {
        for (const member of [...this.#members]) member.take(stream, chunk)
      },
    })
    // What is not taken waits with its member: the end of the program comes behind it.
    run.session.resume()
  }

  leave(member: WaitingSession): void {
    if (!this.#members.has(member)) return
    if (this.#members.size > 1) member.leaveInput()
    this.#members.delete(member)
    if (this.#members.size > 0) return
    this.session.send({ type: 'attach', streams: 0 })
    this.session.listen({ onOutput: () => {} })
    this.session.resume()
    this.#onLeft()
  }

  end(member: WaitingSession): void {
    if (this.#members.delete(member) && this.#members.size === 0) this.#onLeft()
  }

  endInput(): void {
    if (![...this.#members].some(({ hasInput }) => hasInput)) this.session.send({ type: 'stdinEnd' })
  }
}
