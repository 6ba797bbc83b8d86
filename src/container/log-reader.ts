import { Readable } from 'node:stream'
import type { ContainerContext } from './context.js'
import { type LogEntry, type LogsOptions, readLogs } from './logs.js'

/** A container's log: iterate over its entries, take one stream of it, or all its text. */
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

  [Symbol.asyncIterator](): AsyncGenerator<LogEntry, void, void> {
    return readLogs(this.#context, this.#id, this.#options)
  }

  /** What the program wrote to stdout. */
  get stdout(): Readable {
    return this.#stream({ stderr: false })
  }

  /** What the program wrote to stderr. */
  get stderr(): Readable {
    return this.#stream({ stdout: false })
  }

  /** Everything, in the order of the log; with `timestamps` each line is preceded by its time. */
  async text({ timestamps = false }: { timestamps?: boolean } = {}): Promise<string> {
    let all = ''
    for await (const { text, time } of this) all += timestamps ? `${time} ${text}` : text
    return all
  }

  #stream(only: LogsOptions): Readable {
    const entries = readLogs(this.#context, this.#id, { ...this.#options, ...only })
    return Readable.from(textOf(entries), { objectMode: false })
  }
}

async function* textOf(entries: AsyncIterable<LogEntry>): AsyncGenerator<string> {
  for await (const { text } of entries) yield text
}
