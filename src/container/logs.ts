import { watch } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { InvalidOptionError } from '../errors/index.js'
import type { ContainerContext } from './context.js'
import { settle } from './settle.js'
import { waitEnded } from './wait.js'

/** One line (or part of a line longer than 16 KiB) of a container's output. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr'
  /** With its newline, unless the line was cut or never ended. */
  readonly text: string
  /** RFC 3339 with nanoseconds. */
  readonly time: string
}

export interface LogsOptions {
  /** Go on until the container ends. Default false. */
  readonly follow?: boolean
  /** Only the last so many lines. Default all. */
  readonly tail?: number | 'all'
  /** Only lines from this time on. */
  readonly since?: Date | number | string
  /** Only lines before this time. */
  readonly until?: Date | number | string
  readonly stdout?: boolean
  readonly stderr?: boolean
  readonly signal?: AbortSignal
}

const blockBytes = 64 * 1024

/** Reads Docker's json-file log, and follows it as long as the container runs. */
export async function* readLogs(
  context: ContainerContext,
  id: string,
  options: LogsOptions,
): AsyncGenerator<LogEntry, void, void> {
  const wanted = entryFilter(options)
  const path = `${context.root}/containers/${id}/${id}-json.log`
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!file) return
  try {
    const start = options.tail === undefined || options.tail === 'all' ? 0 : await tailOffset(file, options.tail)
    const lines = options.follow ? followLines(context, id, file, path, start, options.signal) : fileLines(file, start)
    for await (const line of lines) {
      options.signal?.throwIfAborted()
      const entry = parseEntry(line)
      if (entry && wanted(entry)) yield entry
    }
  } finally {
    await file.close()
  }
}

function entryFilter({ since, until, stdout = true, stderr = true }: LogsOptions): (entry: LogEntry) => boolean {
  const from = time('since', since)
  const to = time('until', until)
  return ({ stream, time: at }) =>
    (stream === 'stdout' ? stdout : stderr) && (from === undefined || at >= from) && (to === undefined || at < to)
}

// Times in the log all have the same form, so they compare as text.
function time(option: string, value: Date | number | string | undefined): string | undefined {
  if (value === undefined) return undefined
  const date = new Date(value)
  if (Number.isNaN(date.getTime()))
    throw new InvalidOptionError(
      `invalid value for "${option}": ${String(value)}: give a Date, milliseconds, or an RFC 3339 string`,
      {
        code: 'INVALID_OPTION',
        details: { option, value },
      },
    )
  return date.toISOString()
}

function parseEntry(line: string): LogEntry | undefined {
  try {
    const { log, stream, time } = JSON.parse(line) as { log: string; stream: 'stdout' | 'stderr'; time: string }
    return { text: log, stream, time }
  } catch {
    // The tail of a log whose supervisor was killed in the middle of a write.
    return undefined
  }
}

interface Cursor {
  offset: number
  rest: Buffer
}

async function* fileLines(
  file: FileHandle,
  start: number,
  cursor: Cursor = { offset: start, rest: Buffer.alloc(0) },
): AsyncGenerator<string> {
  const block = Buffer.allocUnsafe(blockBytes)
  for (;;) {
    const { bytesRead } = await file.read(block, 0, blockBytes, cursor.offset)
    if (bytesRead === 0) return
    cursor.offset += bytesRead
    let bytes = Buffer.concat([cursor.rest, block.subarray(0, bytesRead)])
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
      yield bytes.toString('utf8', 0, end)
      bytes = bytes.subarray(end + 1)
    }
    cursor.rest = Buffer.from(bytes)
  }
}

async function* followLines(
  context: ContainerContext,
  id: string,
  file: FileHandle,
  path: string,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const cursor: Cursor = { offset: start, rest: Buffer.alloc(0) }
  const stop = new AbortController()
  const news = new Signal()
  // The watch is there before the first read: nothing written in between is missed.
  const watcher = watch(path, () => news.raise())
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const record = context.containers.get(id)
    const now = record && (await settle(context, record))
    let running = now?.status === 'running' || now?.status === 'starting'
    if (running)
      waitEnded(context, id, stop.signal).then(
        () => {
          running = false
          news.raise()
        },
        () => {
          running = false
          news.raise()
        },
      )
    for (;;) {
      const more = running
      yield* fileLines(file, start, cursor)
      signal?.throwIfAborted()
      if (!more) return
      await news.next()
    }
  } finally {
    watcher.close()
    stop.abort()
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Something that may have happened before one waits for it. */
class Signal {
  #raised = false
  #wake: (() => void) | undefined
  raise(): void {
    this.#raised = true
    this.#wake?.()
  }
  async next(): Promise<void> {
    if (!this.#raised)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    this.#raised = false
    this.#wake = undefined
  }
}

/** Where the last `count` lines begin, found from the end. */
async function tailOffset(file: FileHandle, count: number): Promise<number> {
  if (!Number.isInteger(count) || count < 0)
    throw new InvalidOptionError(`invalid value for "tail": ${count}: give a whole number, or 'all'`, {
      code: 'INVALID_OPTION',
      details: { option: 'tail', value: count },
    })
  const { size } = await file.stat()
  if (count === 0) return size
  const block = Buffer.allocUnsafe(blockBytes)
  let newlines = 0
  for (let end = size; end > 0; ) {
    const length = Math.min(blockBytes, end)
    await file.read(block, 0, length, end - length)
    for (let at = length - 1; at >= 0; at--)
      // The newline that ends the last line begins nothing.
      if (block[at] === 10 && end - length + at < size - 1 && ++newlines === count) return end - length + at + 1
    end -= length
  }
  return 0
}
