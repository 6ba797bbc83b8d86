import { Socket } from 'node:net'
import { frameHeaderBytes } from './frame-codec.js'
import {
  decodeFrame,
  type ExitedFrame,
  encodeFrame,
  type FailedFrame,
  type Frame,
  type FrozenFrame,
  type HelloFrame,
  type ResolvingFrame,
  type TorndownFrame,
} from './protocol.gen.js'

/** How a program ended, as the supervisor saw it. */
export type Exit = ExitedFrame

/** What a session tells. Every one is optional; they are called in the order of the frames. */
export interface SessionListener {
  onOutput?(stream: 'stdout' | 'stderr', chunk: Buffer): void
}

/**
 * A dialogue with one supervisor over its control socket. The promises never reject: each resolves to undefined when the
 * connection ends before the frame came.
 */
export class Session {
  /** The program runs, or the step that failed. */
  readonly started: Promise<
    { kind: 'started'; pid: number; startedAtNs: bigint } | { kind: 'failed'; failure: FailedFrame } | undefined
  >
  readonly exited: Promise<Exit | undefined>
  readonly torndown: Promise<TorndownFrame | undefined>
  readonly attached: Promise<void>
  readonly hello: Promise<HelloFrame | undefined>
  /** The connection is closed: the supervisor is gone, or let go of us. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  #listener: SessionListener = {}
  #pending: { stream: 'stdout' | 'stderr'; chunk: Buffer }[] = []
  #holds: ((answer: FrozenFrame | undefined) => void)[] = []
  #openings: ((answer: ResolvingFrame | undefined) => void)[] = []
  #waiting = 0
  #released = false

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
    const attached = once<void>()
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
          return started.resolve({ kind: 'started', pid: frame.pid, startedAtNs: frame.startedAtNs })
        case 'failed':
          return started.resolve({ kind: 'failed', failure: frame })
        case 'stdout':
        case 'stderr':
          return this.#output(frame.type, Buffer.from(frame.data.buffer, frame.data.byteOffset, frame.data.byteLength))
        case 'exited':
          return exited.resolve(frame)
        case 'torndown':
          return torndown.resolve(frame)
        case 'attached':
          return attached.resolve()
        case 'frozen':
          return this.#holds.shift()?.(frame)
        case 'resolving':
          return this.#openings.shift()?.(frame)
        default:
          return
      }
    })
    socket.on('data', (chunk) => reader.push(chunk))
    // The end of the connection is what is listened to; why it ended changes nothing.
    socket.on('error', () => {})
    socket.on('close', () => {
      started.resolve(undefined)
      hello.resolve(undefined)
      exited.resolve(undefined)
      torndown.resolve(undefined)
      attached.resolve()
      for (const resolve of this.#holds.splice(0)) resolve(undefined)
      for (const resolve of this.#openings.splice(0)) resolve(undefined)
      closed.resolve()
    })
  }

  /** Takes over a status descriptor that spawn returned. */
  static fromDescriptor(descriptor: number): Session {
    return new Session(new Socket({ fd: descriptor, readable: true, writable: true }))
  }

  /** Output that came before anyone listened is handed over first. */
  listen(listener: SessionListener): void {
    this.#listener = listener
    const pending = this.#pending
    this.#pending = []
    for (const { stream, chunk } of pending) listener.onOutput?.(stream, chunk)
  }

  send(frame: Frame): boolean {
    return this.#socket.writable && this.#socket.write(encodeFrame(frame))
  }

  /** Suspends the container as long as this connection lasts, or until `hold` is false. Undefined: the connection has ended. */
  freeze(hold: boolean): Promise<FrozenFrame | undefined> {
    if (this.#socket.destroyed) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#holds.push(resolve)
      this.send({ type: 'freeze', hold: hold ? 1 : 0, lasting: 0 })
    })
  }

  /**
   * Lets the container's resolver answer, if it does not yet. The answer also says that its program had not ended when
   * the supervisor read this. Undefined: the connection has ended.
   */
  resolve(): Promise<ResolvingFrame | undefined> {
    if (this.#socket.destroyed) return Promise.resolve(undefined)
    return new Promise((done) => {
      this.#openings.push(done)
      this.send({ type: 'resolve' })
    })
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
    this.#socket.pause()
  }

  resume(): void {
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

  /** The connection ended by `close()`, which says nothing of the supervisor. */
  get released(): boolean {
    return this.#released
  }

  #output(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#listener.onOutput) this.#listener.onOutput(stream, chunk)
    else this.#pending.push({ stream, chunk })
  }
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #rest: Buffer | undefined
  readonly #onFrame: (frame: Frame) => void

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    while (bytes.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + bytes.readUInt32LE(4)
      if (bytes.length < end) break
      this.#onFrame(decodeFrame(bytes[0] as number, bytes.subarray(frameHeaderBytes, end)))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes.length > 0 ? bytes : undefined
  }
}
