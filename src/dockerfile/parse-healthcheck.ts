import { parseDuration } from '../spec/duration.js'
import type { ImageHealthcheck } from '../spec/options.js'
import { Refusal } from './failure.js'
import { parseFlags } from './flags.js'
import { splitOnce } from './instruction-text.js'
import { commandOf, type Input } from './parse-instruction.js'
import type { HealthcheckInstruction } from './types.js'

const healthFlags = {
  interval: 'text',
  timeout: 'text',
  'start-period': 'text',
  'start-interval': 'text',
  retries: 'text',
} as const

const durationFields = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const

/** `[--interval=30s ...] CMD command`, or `NONE`. */
export function parseHealthcheck({ source, flags, rest }: Input): HealthcheckInstruction {
  const [word, text = ''] = splitOnce(rest)
  const type = word.toUpperCase()
  if (type === '') throw new Refusal('HEALTHCHECK requires at least one argument')
  if (type === 'NONE') {
    if (text !== '') throw new Refusal('HEALTHCHECK NONE takes no arguments')
    return { ...source, kind: 'HEALTHCHECK', health: { Test: ['NONE'] } }
  }
  const times = timesOf(parseFlags(flags, healthFlags))
  if (type !== 'CMD') throw new Refusal(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`)
  return { ...source, kind: 'HEALTHCHECK', health: { Test: testOf(text), ...times } }
}

function testOf(text: string): string[] {
  const command = commandOf(text)
  const words = command.form === 'exec' ? command.args : [command.script]
  if (words.length === 0 || text === '') throw new Refusal('Missing command after HEALTHCHECK CMD')
  return [command.form === 'exec' ? 'CMD' : 'CMD-SHELL', ...words]
}

type Times = Partial<Record<keyof typeof healthFlags, string>>

function timesOf(flags: Times): Partial<ImageHealthcheck> {
  const { retries, ...durations } = flags
  const times = Object.entries(durations).map(([name, text]) => {
    return [durationFields[name as keyof typeof durationFields], nanosecondsOf(name, text)]
  })
  return { ...Object.fromEntries(times), ...(retries && { Retries: retriesOf(retries) }) }
}

function retriesOf(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw new Refusal(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  const retries = Number(text)
  if (retries < 0) throw new Refusal(`--retries cannot be negative (${retries})`)
  return retries
}

const millisecond = 1e6
const maxDurationLength = 64

/** As Go writes durations: `1m30s`; nothing, and 0, are Docker's default. */
function nanosecondsOf(name: string, text: string): number {
  if (text === '') return 0
  const total = text.length > maxDurationLength ? undefined : parseDuration(text)
  if (total === undefined || total > Number.MAX_SAFE_INTEGER)
    throw new Refusal(`time: invalid duration ${JSON.stringify(text)}`)
  if (total !== 0 && total < millisecond) throw new Refusal(`Interval ${JSON.stringify(name)} cannot be less than 1ms`)
  return total
}
