import { ByteEntry, type LogEntry, type TimedEntry } from './log-entry.js'

const longestLine = 1024 * 1024

/** Puts lines that were logged in parts together again. */
export class LineJoiner {
  readonly #parts = new Map<LogEntry['stream'], { first: TimedEntry; bytes: Buffer[]; length: number }>()

  join(entries: readonly TimedEntry[]): TimedEntry[] {
    return entries.flatMap((entry) => this.#add(entry) ?? [])
  }

  /** Lines that have not ended, when nothing more comes. */
  rest(): TimedEntry[] {
    return [...this.#parts.keys()].map((stream) => this.#whole(stream))
  }

  #add(entry: TimedEntry): TimedEntry | undefined {
    const { stream, bytes, partial } = entry
    const line = this.#parts.get(stream)
    if (!line && !partial) return entry
    if (line) line.bytes.push(bytes)
    const now = line ?? { first: entry, bytes: [bytes], length: 0 }
    now.length += bytes.length
    this.#parts.set(stream, now)
    return partial && now.length < longestLine ? undefined : this.#whole(stream)
  }

  #whole(stream: LogEntry['stream']): TimedEntry {
    const { first, bytes } = this.#parts.get(stream) as { first: TimedEntry; bytes: Buffer[] }
    this.#parts.delete(stream)
    if (bytes.length === 1) return first
    const { attributes } = first
    return Object.assign(new ByteEntry(stream, Buffer.concat(bytes), first.timeNs), attributes && { attributes })
  }
}
