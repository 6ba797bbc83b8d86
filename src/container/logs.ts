import { InvalidOptionError, InvalidStateError, NotFoundError } from '../errors/index.js'
import { logPath, logStorage } from '../spec/log.js'
import { parseLastMoment, parseMoment } from '../spec/moment.js'
import type { ContainerContext } from './context.js'
import { settledNow } from './files.js'
import { statusOf } from './inspect-state.js'
import type { LogEntry, TimedEntry } from './log-entry.js'
import { closeLogFiles, endsOf, entriesFrom, openLogFiles, type Place, tailPlaces } from './log-files.js'
import { followedEntries, LogNews } from './log-follow.js'
import { jsonFormat, type LogFormat, localFormat } from './log-formats.js'
import { LineJoiner } from './log-lines.js'
import { runDirectory } from './run-directory.js'
import { mayDo } from './states.js'

export interface LogsOptions {
  /** Go on as long as the container runs or is about to be started again. Default false. */
  readonly follow?: boolean
  /** Only the last so many entries, before anything else is left out. Default all. */
  readonly tail?: number | 'all'
  /**
   * Only entries from this time on: a Date, ms since the epoch, or a text as `docker logs --since` takes it, such as `10m`
   * (ago), `2026-01-02T03:04:05.6Z`, or seconds since the epoch, `1767323045.6`.
   */
  readonly since?: Date | number | string
  /** Only entries up to this time; following ends there. */
  readonly until?: Date | number | string
  readonly stdout?: boolean
  readonly stderr?: boolean
  /** Lines that were logged in parts come as one entry, up to 1 MiB of it. Default false. */
  readonly whole?: boolean
  /** Of `stdout`, `stderr` and `text()`: each entry is preceded by its time, in the same form always. Default false. */
  readonly timestamps?: boolean
  readonly signal?: AbortSignal
}

/** @internal */
export interface ReadLogsOptions extends LogsOptions {
  /** Only what was logged before the supervisor's frames `hello` and `attached` said so many `logBytes`. */
  readonly endBytes?: number
}

/** Where a container's log is, and how it is written. */
export interface LogSource {
  readonly path: string
  readonly format: LogFormat
}

/** @throws {NotFoundError} CONTAINER_NOT_FOUND; {InvalidStateError} LOGS_UNREADABLE when it has none */
export function logSource(context: Pick<ContainerContext, 'containers' | 'root'>, id: string): LogSource {
  const record = context.containers.get(id)
  if (!record)
    throw new NotFoundError(`No such container: ${id}`, { code: 'CONTAINER_NOT_FOUND', details: { container: id } })
  const storage = logStorage(record.config.log)
  if (storage)
    return {
      path: logPath(`${context.root}/containers/${id}`, id, storage),
      format: storage.format === 'local' ? localFormat : jsonFormat,
    }
  throw new InvalidStateError('configured logging driver does not support reading', {
    code: 'LOGS_UNREADABLE',
    details: { container: id, driver: record.config.log.driver },
  })
}

/** Reads a container's log, and follows it as long as the container runs. */
export async function* readLogs(
  context: ContainerContext,
  id: string,
  options: ReadLogsOptions = {},
): AsyncGenerator<LogEntry, void, void> {
  for await (const entries of readLogBatches(context, id, options)) yield* entries
}

/** The same, with as many entries at once as are there. */
export async function* readLogBatches(
  context: ContainerContext,
  id: string,
  options: ReadLogsOptions = {},
): AsyncGenerator<LogEntry[], void, void> {
  const { filter, tail, source } = await checkLogs(context, id, options)
  const joiner = options.whole ? new LineJoiner() : undefined
  for await (const entries of allEntries(context, id, source, { ...options, tail }, filter.untilNs)) {
    options.signal?.throwIfAborted()
    const wanted = filter.wanted(entries)
    const given = joiner ? joiner.join(wanted) : wanted
    if (given.length > 0) yield given
    options.signal?.throwIfAborted()
    if (filter.isOver) break
  }
  const rest = joiner?.rest() ?? []
  if (rest.length > 0) yield rest
}

/** @throws what reading the log would throw at once */
export async function checkLogs(context: ContainerContext, id: string, options: LogsOptions) {
  const filter = new Filter(options)
  const tail = checkTail(options.tail)
  const observed = await settledNow(context, id)
  if (observed) mayDo('logs', statusOf(observed), id)
  return { filter, tail, source: logSource(context, id) }
}

type TailedOptions = Omit<ReadLogsOptions, 'tail'> & { readonly tail: number | undefined }

async function* allEntries(
  context: ContainerContext,
  id: string,
  source: LogSource,
  options: TailedOptions,
  untilNs: bigint | undefined,
): AsyncGenerator<TimedEntry[], void, void> {
  // What is told of from here on may be new; what is written before is read.
  const news = options.follow
    ? await LogNews.of(context, id, source.path, { signal: options.signal, untilNs })
    : undefined
  try {
    const places = await beginning(context, id, source, options)
    if (places.length === 0 && !news) return
    yield* news ? followedEntries(source, places, news) : placedEntries(source, places)
  } finally {
    news?.close()
  }
}

interface BoundedPlace extends Place {
  readonly end: number | undefined
}

/** Where to begin in which files, all of which are open. */
async function beginning(
  context: ContainerContext,
  id: string,
  { path, format }: LogSource,
  { tail, endBytes }: TailedOptions,
): Promise<BoundedPlace[]> {
  const files = await openLogFiles(path)
  const used: Place[] = []
  try {
    const ends =
      endBytes === undefined ? undefined : endsOf(files, endBytes, `${runDirectory(context.runRoot, id)}/log`)
    const wanted = ends ? files.filter((file) => ends.has(file)) : files
    used.push(
      ...(tail === undefined
        ? wanted.map((file) => ({ file, offset: 0 }))
        : await tailPlaces(wanted, format, tail, ends)),
    )
    return used.map((place) => ({ ...place, end: ends?.get(place.file) }))
  } finally {
    await closeLogFiles(files.filter((file) => !used.some((place) => place.file === file)))
  }
}

async function* placedEntries(
  { format }: LogSource,
  places: readonly BoundedPlace[],
): AsyncGenerator<TimedEntry[], void, void> {
  try {
    for (const place of places) yield* entriesFrom(place, format, place.end)
  } finally {
    await closeLogFiles(places.map(({ file }) => file))
  }
}

/** What of the entries is wanted, as `docker logs` leaves out. */
class Filter {
  isOver = false
  readonly untilNs: bigint | undefined
  readonly #sinceNs: bigint | undefined
  readonly #streams: ReadonlySet<string>

  constructor({ since, until, stdout = true, stderr = true }: LogsOptions) {
    this.#sinceNs = since === undefined ? undefined : parseMoment('since', since)
    this.untilNs = until === undefined ? undefined : parseLastMoment('until', until)
    this.#streams = new Set([...(stdout ? ['stdout'] : []), ...(stderr ? ['stderr'] : [])])
  }

  wanted(entries: TimedEntry[]): TimedEntry[] {
    const since = this.#sinceNs
    let some = entries
    if (this.untilNs !== undefined) some = this.#before(entries, this.untilNs)
    if (since !== undefined) some = some.filter(({ timeNs }) => timeNs >= since)
    return this.#streams.size === 2 ? some : some.filter(({ stream }) => this.#streams.has(stream))
  }

  /** Nothing after the first one that is too late. */
  #before(entries: TimedEntry[], until: bigint): TimedEntry[] {
    const late = entries.findIndex(({ timeNs }) => timeNs > until)
    this.isOver = late >= 0
    return late < 0 ? entries : entries.slice(0, late)
  }
}

function checkTail(tail: number | 'all' | undefined): number | undefined {
  if (tail === undefined || tail === 'all') return undefined
  if (Number.isInteger(tail) && tail >= 0) return tail
  throw new InvalidOptionError(`invalid value for "tail": ${tail}: give a whole number, or 'all'`, {
    code: 'INVALID_OPTION',
    details: { option: 'tail', value: tail },
  })
}
