import { InvalidOptionError } from '../errors/index.js'
import { compileRegexp } from './regexp.js'

/** Whether something fits a filter. */
export type Test<Subject> = (subject: Subject) => boolean

/** @throws {InvalidOptionError} INVALID_OPTION for a filter that is none of the known ones, in Docker's words */
export function checkNames<Filters extends object>(filters: Filters, known: readonly string[]): Filters {
  const unknown = Object.keys(filters).find((name) => !known.includes(name))
  if (unknown === undefined) return filters
  throw invalidFilter(`Invalid filter '${unknown}': there are ${known.join(', ')}`, unknown)
}

/** Those of which one of the wanted texts is told. */
export function exactly<Subject>(
  wanted: string | readonly string[] | undefined,
  of: (subject: Subject) => string,
): Test<Subject> {
  return wanted === undefined ? () => true : (subject) => [wanted].flat().includes(of(subject))
}

/** Those whose text has a part that one of the regular expressions matches. @throws {InvalidOptionError} INVALID_OPTION */
export function matching<Subject>(
  filter: string,
  wanted: string | readonly string[] | undefined,
  of: (subject: Subject) => string,
): Test<Subject> {
  if (wanted === undefined) return () => true
  const patterns = [wanted].flat().map((pattern) => expression(filter, pattern))
  return (subject) => patterns.some((matches) => matches(of(subject)))
}

function expression(filter: string, pattern: string): Test<string> {
  try {
    return compileRegexp(pattern)
  } catch (cause) {
    throw invalidFilter(`invalid filter: '${filter}'='${pattern}': ${(cause as Error).message}`, pattern, cause)
  }
}

/** Tells texts that are this one, or have a part that the expression matches; one that is none matches nothing, as under Docker. */
export function matcher(pattern: string): Test<string> {
  try {
    const matches = compileRegexp(pattern)
    return (text) => text === pattern || matches(text)
  } catch {
    return (text) => text === pattern
  }
}

export function invalidFilter(message: string, value: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', cause, details: { option: 'filters', value } })
}
