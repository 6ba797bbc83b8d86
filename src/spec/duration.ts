const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}
const duration = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/

/**
 * Nanoseconds of a duration as Go writes it: `1m30s`; undefined when it is none.
 *
 * @see https://pkg.go.dev/time#ParseDuration
 */
export function parseDuration(text: string): number | undefined {
  if (!duration.test(text)) return undefined
  const parts = [...text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)]
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitNs[unit as string] as number), 0)
  return Math.round(text.startsWith('-') ? -total : total)
}

/** As Go prints durations: `1m30s`, `1.5s`, `500ms`. */
export function formatDuration(ns: number): string {
  if (ns === 0) return '0s'
  const small = ['ms', 'µs', 'ns'].find((unit) => ns >= (unitNs[unit] as number))
  if (ns < 1e9 && small !== undefined) return `${ns / (unitNs[small] as number)}${small}`
  const seconds = `${(ns % 60e9) / 1e9}s`
  const minutes = Math.floor(ns / 60e9)
  if (minutes === 0) return seconds
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`
}
