import { Readable, Writable } from 'node:stream'
import type { DetachScanner } from './detach-keys.js'
import type { StreamSession } from './waiting-session.js'

/** The streams of an attached session. */
export interface SessionStreams {
  readonly stdin: Writable
  readonly stdout: Readable
  /** Nothing, with a terminal: it has one output. */
  readonly stderr: Readable
}

/**
 * Output of a session as Node streams: reading slowly makes the supervisor hold it back (in a file). Both have to be read, or
 * one of them destroyed: who leaves one full gets nothing of the other either.
 */
export class SessionOutput {
  readonly stdout: Readable
  readonly stderr: Readable
  readonly #session: StreamSession
  readonly #full = new Set<Readable>()
  #isLive = false
  #onRoom: (() => void) | undefined

  constructor(session: StreamSession) {
    this.#session = session
    this.stdout = this.#stream()
    this.stderr = this.#stream()
  }

  /** Puts something before what comes from the session; resolves when there is room for more. */
  async put(name: 'stdout' | 'stderr', chunk: Buffer): Promise<void> {
    this.#push(name, chunk)
    if (this.#full.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve
    })
  }

  /** What comes from the session from now on. */
  listen(): void {
    this.#isLive = true
    this.#session.listen({
      onOutput: (name, chunk) => {
        this.#push(name, chunk)
        if (this.#full.size > 0) this.#session.pause()
      },
    })
    if (this.#full.size === 0) this.#session.resume()
  }

  /** There is no more. What comes is dropped. */
  end(): void {
    for (const stream of [this.stdout, this.stderr]) if (!stream.readableEnded) stream.push(null)
    this.#full.clear()
    this.#session.listen({ onOutput: () => {} })
    this.#session.resume()
    this.#onRoom?.()
  }

  #push(name: 'stdout' | 'stderr', chunk: Buffer): void {
    const stream = this[name]
    if (!stream.destroyed && !stream.push(chunk)) this.#full.add(stream)
  }

  #stream(): Readable {
    const drained = () => {
      if (!this.#full.delete(stream) || this.#full.size > 0) return
      if (this.#isLive) this.#session.resume()
      this.#onRoom?.()
    }
    const stream: Readable = new Readable({
      read: drained,
      destroy(error, done) {
        drained()
        done(error)
      },
    })
    return stream
  }
}

/** What ends the attachment to a terminal when it is typed. */
export interface Detaching {
  readonly scanner: DetachScanner
  onDetach(): void
}

// A frame larger than this would keep the supervisor's other frames waiting.
const stdinFrameBytes = 32 * 1024

/** The program's stdin: a write is done when the supervisor's socket took it. */
export function sessionInput(session: StreamSession, detaching?: Detaching): Writable {
  const send = (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += stdinFrameBytes)
      session.send({ type: 'stdin', data: bytes.subarray(at, at + stdinFrameBytes) })
  }
  const stdin = new Writable({
    highWaterMark: 64 * 1024,
    write(chunk: Buffer, _encoding, done) {
      const scanned = detaching?.scanner.scan(chunk)
      send(scanned?.passed ?? chunk)
      if (scanned?.isDetached) detaching?.onDetach()
      session.drained().then(() => done())
    },
    final(done) {
      send(detaching?.scanner.rest ?? Buffer.alloc(0))
      session.send({ type: 'stdinEnd' })
      done()
    },
  })
  // The program may end before it has read everything: that is no error of the writer's.
  stdin.on('error', () => {})
  return stdin
}

/** The stdin of a program that has none, or that we do not write to: what is written is dropped. */
export const noInput = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

/** Gives a program all of its input, at the pace it takes it. */
export function feed(target: Writable, source: string | Uint8Array | Readable): void {
  if (typeof source === 'string' || source instanceof Uint8Array) target.end(source)
  else source.pipe(target)
}

/** Gathers a stream's bytes. */
export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
