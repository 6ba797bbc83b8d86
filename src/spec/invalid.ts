import { InvalidOptionError } from '../errors/index.js'

/**
 * The error for an option that cannot be used: Docker's words first, then what to do instead.
 *
 * @param option the builder's method, in `details.option`
 * @param what what is wrong, with the offending value, as Docker words it
 * @param hint what to try
 */
export function invalidOption(option: string, what: string, hint: string, value?: unknown): InvalidOptionError {
  return new InvalidOptionError(`${what}: ${hint}`, {
    code: 'INVALID_OPTION',
    details: value === undefined ? { option } : { option, value },
  })
}

/** Refuses what no kernel interface can carry: a NUL inside a string, or no string at all. */
export function checkText(option: string, value: unknown): string {
  if (typeof value !== 'string')
    throw invalidOption(option, `invalid value for ${option}: ${String(value)}`, 'give a string', typeof value)
  if (value.includes('\0'))
    throw invalidOption(option, `invalid value for ${option}: it holds a NUL character`, 'remove it', value)
  return value
}

/** A list of strings, each checked; undefined is the empty list. */
export function checkTexts(option: string, values: readonly string[] | undefined): string[] {
  if (values === undefined) return []
  if (!Array.isArray(values))
    throw invalidOption(option, `invalid value for ${option}: ${String(values)}`, 'give an array of strings')
  return values.map((value) => checkText(option, value))
}

/** An integer within bounds; undefined stays undefined. */
export function checkInteger(
  option: string,
  value: number | undefined,
  least = Number.MIN_SAFE_INTEGER,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return value
  throw invalidOption(
    option,
    `invalid value for ${option}: ${String(value)}`,
    `give an integer from ${least} to ${most}`,
    value,
  )
}

/** A boolean; undefined is false. */
export function checkFlag(option: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw invalidOption(option, `invalid value for ${option}: ${String(value)}`, 'give true or false', value)
}
