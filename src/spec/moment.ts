import { InvalidOptionError } from '../errors/index.js'
import { parseDuration } from './duration.js'

const nsPerMs = 1_000_000n
const nsPerSecond = 1_000_000_000n

/** Nanoseconds since the epoch of an RFC 3339 time; undefined when it is none. */
export function nanoseconds(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/i.exec(text)
  const ms = match ? Date.parse(`${match[1]}${match[3]}`) : Number.NaN
  return Number.isNaN(ms) ? undefined : BigInt(ms) * nsPerMs + BigInt((match?.[2] ?? '').padEnd(9, '0'))
}

/**
 * A moment as Docker takes it: a Date, ms since the epoch, an RFC 3339 time, a date, seconds since the epoch as
 * text, or how long ago it was, such as `10m` or `1h30m`. In nanoseconds since the epoch.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION`
 */
export function parseMoment(option: string, value: Date | number | string, now = Date.now()): bigint {
  const ns = typeof value === 'string' ? parseText(value, now) : fromMs(value instanceof Date ? value.getTime() : value)
  if (ns !== undefined) return ns
  const details = { option, value: String(value) }
  throw new InvalidOptionError(`failed to parse value as time or duration: ${JSON.stringify(String(value))}`, {
    code: 'INVALID_OPTION',
    details,
  })
}

/**
 * The last nanosecond of a moment: a Date, or whole ms, is the millisecond that it is in, so that what has happened before
 * `new Date()` was called is before it.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION`
 */
export function parseLastMoment(option: string, value: Date | number | string): bigint {
  const isMillisecond = value instanceof Date || Number.isInteger(value)
  return parseMoment(option, value) + (isMillisecond ? nsPerMs - 1n : 0n)
}

function fromMs(ms: number): bigint | undefined {
  return Number.isFinite(ms) ? BigInt(Math.round(ms * 1e3)) * 1000n : undefined
}

function parseText(text: string, now: number): bigint | undefined {
  const unix = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text)
  if (unix) return BigInt(unix[1] as string) * nsPerSecond + BigInt((unix[2] ?? '').padEnd(9, '0'))
  const ago = parseDuration(text)
  if (ago !== undefined) return Number.isFinite(ago) ? BigInt(now) * nsPerMs - BigInt(ago) : undefined
  // Without a time zone it is local time, as in Docker.
  return nanoseconds(text) ?? (/^\d{4}-\d\d-\d\d/.test(text) ? fromMs(Date.parse(localForm(text))) : undefined)
}

/** A mere date would be read as UTC. */
function localForm(text: string): string {
  return text.length === '2024-01-01'.length ? `${text}T00:00:00` : text
}
