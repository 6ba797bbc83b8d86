import type { LogEntry } from '../../container/log-entry.js'
import type { LogsOptions } from '../../container/logs.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { frame, multiplexedStream, rawStream } from '../frames.js'

/** Sends a container's log, and what comes, at the client's pace. */
export async function sendLogs(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange
  const container = await engine.containers.get(exchange.parameter('id'))
  const logs = container.logs(logOptions(exchange))
  const isMultiplexed = !logs.tty
  const line = { timestamps: query.flag('timestamps'), details: query.flag('details') }
  // What is wrong with the request is known before its answer begins.
  await logs.check()
  exchange.begin(isMultiplexed && exchange.minor >= 42 ? multiplexedStream : rawStream)
  for await (const entries of logs.batches()) await exchange.write(bytesOf(entries, line, isMultiplexed))
  exchange.response.end()
}

function logOptions({ query, signal }: Exchange): LogsOptions {
  const stdout = query.flag('stdout')
  const stderr = query.flag('stderr')
  if (!stdout && !stderr) throw new ApiError(400, 'Bad parameters: you must choose at least one stream')
  const since = momentOf(query.text('since'))
  const until = momentOf(query.text('until'))
  return {
    stdout,
    stderr,
    follow: query.flag('follow'),
    tail: tailOf(query.text('tail')),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    signal,
  }
}

/** Clients that want none send 0. */
const momentOf = (text: string | undefined) => (text === undefined || /^0+(\.0+)?$/.test(text) ? undefined : text)

/** All that is no number, as Docker takes it. */
const tailOf = (text: string | undefined) => (text !== undefined && /^\+?\d{1,15}$/.test(text) ? Number(text) : 'all')

/** What is told with each line. */
interface LineOptions {
  readonly timestamps?: boolean
  readonly details?: boolean
}

/** Log entries as a client gets them. */
export function bytesOf(entries: readonly LogEntry[], options: LineOptions, isMultiplexed: boolean): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const line = lineOf(entry, options)
      return isMultiplexed ? frame(entry.stream, line) : [line]
    }),
  )
}

function lineOf(entry: LogEntry, { timestamps, details }: LineOptions): Buffer {
  const head = `${timestamps ? `${nineDigits(entry.time)} ` : ''}${details ? `${attributesOf(entry)} ` : ''}`
  return head === '' ? entry.bytes : Buffer.concat([Buffer.from(head), entry.bytes])
}

/** Times of log lines have all nine digits of their seconds. */
function nineDigits(time: string): string {
  const [, seconds, digits = ''] = /^([^.Z]*)(?:\.(\d+))?Z$/.exec(time) ?? []
  return seconds === undefined ? time : `${seconds}.${digits.padEnd(9, '0')}Z`
}

/** What the log's options asked for beside the line, sorted, as in a query. */
function attributesOf({ attributes = {} }: LogEntry): string {
  const pairs = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  return pairs.map(([name, value]) => `${queryPart(name)}=${queryPart(value)}`).join(',')
}

const queryPart = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
