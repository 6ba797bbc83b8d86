import { nanoseconds } from '../spec/moment.js'

/** One line (or part of a line longer than 16 KiB) of a container's output. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr'
  /** With its newline, unless the line was cut or never ended. */
  readonly text: string
  /** What the program wrote; of a json-file log, which keeps no bytes that are not UTF-8, `text` again. */
  readonly bytes: Buffer
  /** RFC 3339 with nanoseconds. */
  readonly time: string
  /** The line goes on in the stream's next entry, or has never ended. */
  readonly partial: boolean
  /** Labels, variables and the tag that the log's options asked for. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** An entry with its time as a number, made when somebody asks. */
export interface TimedEntry extends LogEntry {
  readonly timeNs: bigint
}

/** A line of a json-file. */
export class JsonEntry implements TimedEntry {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  readonly time: string
  declare readonly attributes?: Readonly<Record<string, string>>

  constructor(line: { log: string; stream: 'stdout' | 'stderr'; time: string; attrs?: Record<string, string> }) {
    this.stream = line.stream
    this.text = line.log
    this.time = line.time
    if (line.attrs) this.attributes = line.attrs
  }

  get bytes(): Buffer {
    return Buffer.from(this.text)
  }

  get partial(): boolean {
    return !this.text.endsWith('\n')
  }

  get timeNs(): bigint {
    return nanoseconds(this.time) ?? 0n
  }
}

/** A frame of a local log, or several that are one line. */
export class ByteEntry implements TimedEntry {
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Buffer
  readonly timeNs: bigint

  constructor(stream: 'stdout' | 'stderr', bytes: Buffer, timeNs: bigint) {
    this.stream = stream
    this.bytes = bytes
    this.timeNs = timeNs
  }

  get text(): string {
    return this.bytes.toString()
  }

  get partial(): boolean {
    return this.bytes.at(-1) !== 10
  }

  get time(): string {
    return rfc3339(this.timeNs).replace(/\.?0*Z$/, 'Z')
  }
}

/** With all nine digits, as Docker prints times of logs. */
export function rfc3339(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19)
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`
}
