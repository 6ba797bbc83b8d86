import { invalidOption } from './invalid.js'

const shifts: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

/**
 * Bytes from a number or a string as Docker's sizes are written: a decimal number, then b, k, m, g, t or p in either case,
 * with optional `b` or `iB`; all units are powers of 1024. Fractions of a byte are cut off.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 * @example parseSize('shmSize', '1.5g') // 1610612736
 */
export function parseSize(option: string, value: number | string): number {
  const bytes = typeof value === 'number' ? value : sizeOf(option, value)
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  throw invalidOption(
    option,
    `invalid size: '${value}'`,
    `give ${option} in bytes, or as a string such as '64m'`,
    value,
  )
}

function sizeOf(option: string, text: string): number {
  const [, number, unit = ''] = /^(\d+\.?\d*|\.\d+) ?([a-z]*)$/i.exec(text) ?? []
  if (number === undefined) return Number.NaN
  const [, prefix = ''] = /^(?:b|([kmgtp])(?:i?b)?)?$/.exec(unit.toLowerCase()) ?? [undefined, 'none']
  const shift = shifts[prefix]
  if (shift === undefined)
    throw invalidOption(
      option,
      `invalid suffix: '${unit}'`,
      `write ${option} with b, k, m, g, t or p, as in '64m'`,
      text,
    )
  return Math.trunc(Number(number) * 1024 ** shift)
}
