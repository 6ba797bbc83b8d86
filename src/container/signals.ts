import { constants } from 'node:os'
import { InvalidOptionError } from '../errors/index.js'

const numbers = new Map<string, number>(Object.entries(constants.signals))
// Real-time signals have no names in Node. @see signal(7)
for (let n = 0; n <= 15; n++) numbers.set(n === 0 ? 'SIGRTMIN' : `SIGRTMIN+${n}`, 34 + n)
for (let n = 0; n <= 14; n++) numbers.set(n === 0 ? 'SIGRTMAX' : `SIGRTMAX-${n}`, 64 - n)

/**
 * A signal by name (with or without SIG, any case) or number, as `docker kill --signal` takes it.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for one that does not exist
 */
export function signalNumber(signal: string | number): number {
  const text = String(signal).toUpperCase()
  const number = /^\d+$/.test(text) ? Number(text) : numbers.get(text.startsWith('SIG') ? text : `SIG${text}`)
  if (number === undefined || number < 1 || number > 64)
    throw new InvalidOptionError(`Invalid signal: ${signal}: use a name such as SIGTERM or a number from 1 to 64`, {
      code: 'INVALID_OPTION',
      details: { option: 'signal', signal },
    })
  return number
}

/** The name of a signal's number. */
export function signalName(number: number): string {
  for (const [name, value] of numbers) if (value === number) return name
  return `SIG${number}`
}
