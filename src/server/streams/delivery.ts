import type { Readable } from 'node:stream'
import { frame } from '../frames.js'

/** Whom a program's output is brought to. */
export interface Sink {
  /** @returns false when there is no room for more before `onDrain` */
  write(chunk: Uint8Array): boolean
  onDrain(listener: () => void): void
}

/** What a client gets of a program: the streams it has asked for. */
export interface Outputs {
  readonly stdout?: Readable
  readonly stderr?: Readable
}

/** Brings a program's output to a client: in the order it comes, and no faster than the client takes it. */
export class Delivery {
  /** Resolves when all of it has ended. */
  readonly ended: Promise<void>
  readonly #sink: Sink
  readonly #isMultiplexed: boolean
  readonly #sources: readonly Readable[]
  #isFull = false

  /** @param isMultiplexed each piece says of which stream it is */
  constructor(sink: Sink, { stdout, stderr }: Outputs, isMultiplexed: boolean) {
    this.#sink = sink
    this.#isMultiplexed = isMultiplexed
    this.#sources = [stdout, stderr].filter((source) => source !== undefined)
    const ends = [stdout && this.#take('stdout', stdout), stderr && this.#take('stderr', stderr)]
    this.ended = Promise.all(ends).then(() => {})
  }

  /** Nobody wants it any more: it is read, so that the program can go on, and dropped. */
  drop(): void {
    for (const source of this.#sources) source.removeAllListeners('data').resume()
  }

  #take(name: 'stdout' | 'stderr', source: Readable): Promise<void> {
    source.on('data', (chunk: Buffer) => {
      if (!this.#write(name, chunk)) this.#wait()
    })
    return new Promise((resolve) => {
      if (source.destroyed || source.readableEnded) return resolve()
      // Why it has ended early is told where it comes from.
      source.once('error', () => {})
      source.once('close', resolve).once('end', resolve)
    })
  }

  #write(name: 'stdout' | 'stderr', chunk: Buffer): boolean {
    if (!this.#isMultiplexed) return this.#sink.write(chunk)
    const [head, body] = frame(name, chunk)
    this.#sink.write(head)
    return this.#sink.write(body)
  }

  #wait(): void {
    if (this.#isFull) return
    this.#isFull = true
    for (const source of this.#sources) source.pause()
    this.#sink.onDrain(() => {
      this.#isFull = false
      for (const source of this.#sources) source.resume()
    })
  }
}
