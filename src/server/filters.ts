import { ApiError } from './failures.js'

/** Filters of a request, as {@link Query.filters} gives them. */
export type Filters = Readonly<Record<string, readonly string[]>>

/** The truth of a filter that may be given once. @throws {ApiError} 400 for anything but true, 1, false and 0 */
export function truthOf(filters: Filters, name: string): boolean | undefined {
  const values = filters[name]
  if (values === undefined) return undefined
  const [value = ''] = values
  if (values.length === 1 && /^(true|1)$/i.test(value)) return true
  if (values.length === 1 && /^(false|0)$/i.test(value)) return false
  throw new ApiError(400, `invalid filter '${name}=[${values.join(' ')}]': it must be "true" or "false"`)
}

/** The value of a filter that may be given once. @throws {ApiError} 400 for several */
export function onlyOf(filters: Filters, name: string): string | undefined {
  const [value, ...others] = filters[name] ?? []
  if (others.length > 0) throw new ApiError(400, `more than one ${name} filter specified`)
  return value
}

/** What may be pruned, in the engine's words: `label!` is what it may not have. */
export function prunable(filters: Filters) {
  const { label, 'label!': withoutLabel, until: _, ...others } = filters
  const until = onlyOf(filters, 'until')
  return { ...others, ...(label && { label }), ...(withoutLabel && { withoutLabel }), ...(until && { until }) }
}
