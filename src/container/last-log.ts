import { StringDecoder } from 'node:string_decoder'
import { clip } from './attempts.js'
import type { ContainerContext, Live } from './context.js'
import type { TimedEntry } from './log-entry.js'
import type { LogFile } from './log-file.js'
import { closeLogFiles, entriesFrom, openLogFiles, tailPlaces } from './log-files.js'
import { LineJoiner } from './log-lines.js'
import { type LogSource, logSource } from './logs.js'

const mostLines = 20
const longestLine = 1000

/**
 * The last lines of a container's log, also of one that removes itself with it when it ends: of one that this process has
 * started, its output is listened to; of another one, the files are held open.
 */
export class LastLog {
  readonly #source: LogSource | undefined
  readonly #held: Promise<LogFile[]> | undefined
  readonly #tail: OutputTail | undefined

  constructor(context: ContainerContext, id: string, live: Live | undefined) {
    if (live?.isWatched) this.#tail = new OutputTail(live)
    this.#source = readable(() => logSource(context, id))
    if (this.#tail || !this.#source || !context.containers.get(id)?.config.rm) return
    this.#held = openLogFiles(this.#source.path)
    this.#held.catch(() => {})
  }

  /** None when it cannot be read, or there is no log. */
  async lines(): Promise<string[]> {
    if (this.#tail) return this.#tail.lines()
    const source = this.#source
    if (!source) return []
    try {
      const files = (await this.#held) ?? (await openLogFiles(source.path))
      try {
        return (await lastEntries(source, files)).map(({ text }) => clip(text.replace(/\r?\n$/, ''), longestLine))
      } finally {
        if (!this.#held) await closeLogFiles(files)
      }
    } catch {
      return []
    }
  }

  async close(): Promise<void> {
    this.#tail?.close()
    await this.#held?.then(closeLogFiles, () => {})
  }
}

type Stream = 'stdout' | 'stderr'

/** The last lines that a watched program has printed, as they came. */
class OutputTail {
  readonly #session: Live['session']
  readonly #lines: string[] = []
  readonly #streams = new Map<Stream, { readonly decoder: StringDecoder; begun: string }>()

  constructor({ session }: Live) {
    this.#session = session
    session.listen({ onOutput: (stream, chunk) => this.#add(stream, chunk) })
  }

  lines(): string[] {
    const begun = [...this.#streams.values()].map(({ begun }) => begun).filter((line) => line !== '')
    return [...this.#lines, ...begun].slice(-mostLines)
  }

  /** Its log goes on without us. */
  close(): void {
    this.#session.send({ type: 'attach', streams: 0 })
    this.#session.listen({})
  }

  #add(name: Stream, chunk: Buffer): void {
    const stream = this.#streams.get(name) ?? { decoder: new StringDecoder(), begun: '' }
    this.#streams.set(name, stream)
    const parts = stream.decoder.write(chunk).split(/\r?\n/)
    for (const [at, part] of parts.entries()) {
      stream.begun = clip(stream.begun + part, longestLine)
      if (at === parts.length - 1) break
      this.#lines.push(stream.begun)
      stream.begun = ''
    }
    this.#lines.splice(0, this.#lines.length - mostLines)
  }
}

async function lastEntries({ format }: LogSource, files: readonly LogFile[]): Promise<TimedEntry[]> {
  const joiner = new LineJoiner()
  const last: TimedEntry[] = []
  for (const place of await tailPlaces(files, format, mostLines, undefined))
    for await (const entries of entriesFrom(place, format)) {
      last.push(...joiner.join(entries))
      last.splice(0, last.length - mostLines)
    }
  return [...last, ...joiner.rest()].slice(-mostLines)
}

/** A log that is kept where it cannot be read is none. */
function readable(source: () => LogSource): LogSource | undefined {
  try {
    return source()
  } catch {
    return undefined
  }
}
