import { constants } from 'node:os'
import { invalidOption } from './invalid.js'

const realTime = /^(?:RTMIN(?:\+(?:\d|1[0-5]))?|RTMAX(?:-(?:\d|1[0-4]))?)$/

/**
 * Checks a signal's name (with or without SIG, any case) or number (1 to 64), as `--stop-signal` takes it.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkSignal(option: string, signal: string): string {
  const name = signal.toUpperCase().replace(/^SIG/, '')
  const isNumber = /^\d{1,2}$/.test(signal) && Number(signal) >= 1 && Number(signal) <= 64
  if (isNumber || Object.hasOwn(constants.signals, `SIG${name}`) || realTime.test(name)) return signal
  throw invalidOption(
    option,
    `Invalid signal: ${signal}`,
    "give a name of signal(7), such as 'SIGTERM', or a number from 1 to 64",
    signal,
  )
}
