import { clip } from './attempts.js'
import type { ContainerContext, Live } from './context.js'
import type { TimedEntry } from './log-entry.js'
import type { LogFile } from './log-file.js'
import { closeLogFiles, entriesFrom, openLogFiles, tailPlaces } from './log-files.js'
import { LineJoiner } from './log-lines.js'
import { type LogSource, logSource } from './logs.js'
import { OutputTail } from './output-tail.js'

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
    if (live?.isWatched) this.#tail = new OutputTail(live, { lines: mostLines, characters: longestLine })
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
