import { Readable } from 'node:stream'
import type { ContainerContext } from './context.js'
import { connect } from './dialogue.js'
import { type LogEntry, rfc3339, type TimedEntry } from './log-entry.js'
import type { LogsOptions } from './logs.js'

/**
 * A container's log: iterate over its entries, take one stream of it, or all its text. What is read slowly is not read ahead,
 * and never holds the container up.
 */
export class Logs implements AsyncIterable<LogEntry> {
  readonly #context: ContainerContext
  readonly #id: string
  readonly #options: LogsOptions

  /** @internal */
  constructor(context: ContainerContext, id: string, options: LogsOptions) {
    this.#context = context
    this.#id = id
    this.#options = options
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LogEntry, void, void> {
    const { readLogs } = await import('./logs.js')
    yield* readLogs(this.#context, this.#id, this.#options)
  }

  /** The same with as many entries at once as are there: less work for who passes many on. */
  async *batches(): AsyncGenerator<readonly LogEntry[], void, void> {
    const { readLogBatches } = await import('./logs.js')
    yield* readLogBatches(this.#context, this.#id, this.#options)
  }

  /**
   * Whether there is a log that can be read by these options, without reading any of it.
   *
   * @throws {InvalidStateError} LOGS_UNREADABLE, INVALID_STATE; {InvalidOptionError} INVALID_OPTION
   */
  async check(): Promise<void> {
    const { checkLogs } = await import('./logs.js')
    await checkLogs(this.#context, this.#id, this.#options)
  }

  /** Whether it is a terminal's output, which is all of one stream. */
  get tty(): boolean {
    return this.#context.containers.get(this.#id)?.config.tty ?? false
  }

  /** What the program wrote to stdout. */
  get stdout(): Readable {
    return this.#stream({ stderr: false })
  }

  /** What the program wrote to stderr. */
  get stderr(): Readable {
    return this.#stream({ stdout: false })
  }

  /** Everything, in the order of the log; parts of long lines follow each other as `docker logs` prints them. */
  async text({ timestamps = this.#options.timestamps ?? false }: { timestamps?: boolean } = {}): Promise<string> {
    const chunks: Buffer[] = []
    for await (const chunk of this.#bytes({ ...this.#options, timestamps })) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }

  /**
   * How many bytes of its output the log could not take, because the disk was full, since its last start. The container
   * never waits for room: what cannot be written is left out.
   */
  async dropped(): Promise<number> {
    const session = await connect(this.#context, this.#id)
    try {
      const hello = await session?.hello
      if (hello) return hello.logDropped
    } finally {
      session?.close()
    }
    return this.#context.containers.get(this.#id)?.outcome?.logDropped ?? 0
  }

  #stream(only: LogsOptions): Readable {
    return Readable.from(this.#bytes({ ...this.#options, ...only }), { objectMode: false })
  }

  async *#bytes(options: LogsOptions): AsyncGenerator<Buffer, void, void> {
    const { readLogBatches } = await import('./logs.js')
    for await (const entries of readLogBatches(this.#context, this.#id, options)) {
      const timed = options.timestamps
        ? (entries as TimedEntry[]).flatMap(({ timeNs, bytes }) => [Buffer.from(`${rfc3339(timeNs)} `), bytes])
        : entries.map(({ bytes }) => bytes)
      yield Buffer.concat(timed)
    }
  }
}
