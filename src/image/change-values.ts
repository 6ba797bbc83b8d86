import type { InvalidOptionError } from '../errors/index.js'
import { parseDuration } from '../spec/duration.js'
import type { ImageHealthcheck } from '../spec/options.js'
import { invalidOption } from './image-errors.js'
import { expandText, expandWords, type Lookup } from './shell-words.js'

const defaultShell = ['/bin/sh', '-c']

/** The exec form is a JSON array; everything else is for the shell. */
export function commandOf(value: string, shell: readonly string[] | null = defaultShell): readonly string[] {
  return jsonList(value) ?? [...(shell ?? defaultShell), value]
}

/** Undefined for what is no JSON array. */
export function jsonList(value: string): string[] | undefined {
  if (!value.startsWith('[')) return undefined
  let list: unknown
  try {
    list = JSON.parse(value)
  } catch {
    return undefined
  }
  const isList = Array.isArray(list) && list.every((item) => typeof item === 'string')
  if (!isList) throw invalidChange('when using JSON array syntax, arrays must be comprised of strings only', value)
  return list as string[]
}

/** `A=1 B="two words"`, or the old form `NAME all the rest`. */
export function pairsOf(instruction: string, value: string, lookup: Lookup): [string, string][] {
  const [first = ''] = /^(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/s.exec(value) ?? []
  if (!first.includes('=')) {
    const [, name = '', rest = ''] = /^(\S+)\s+([\s\S]+)$/.exec(value) ?? []
    if (name === '') throw invalidChange(`${instruction} must have two arguments`, value)
    return [[expandText(name, lookup), expandText(rest, lookup)]]
  }
  return expandWords(value, lookup).map((word) => {
    const equals = word.indexOf('=')
    if (equals < 0)
      throw invalidChange(
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
        value,
      )
    if (equals === 0) throw invalidChange(`${instruction} names can not be blank`, value)
    return [word.slice(0, equals), word.slice(equals + 1)]
  })
}

const maxPort = 65535

/** `80`, `53/udp`, `8000-8005/tcp` */
export function portsOf(text: string): string[] {
  const [, first, last, protocol = ''] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(.*))?$/.exec(text) ?? []
  const from = Number(first)
  const to = Number(last ?? first)
  if (first === undefined || from > to || to > maxPort) throw invalidChange(`Invalid containerPort: ${text}`, text)
  if (!/^(?:tcp|udp|sctp|)$/i.test(protocol)) throw invalidChange(`Invalid proto: ${protocol}`, text)
  return Array.from({ length: to - from + 1 }, (_, at) => `${from + at}/${protocol.toLowerCase() || 'tcp'}`)
}

export function oneWord(instruction: string, value: string, lookup: Lookup): string {
  const words = expandWords(value, lookup)
  if (words.length !== 1) throw invalidChange(`${instruction} requires exactly one argument`, value)
  return words[0] as string
}

/** An instruction for a build on top of the image. */
export function triggerOf(value: string): string {
  const [instruction = ''] = value.toUpperCase().split(/\s/)
  if (instruction === 'ONBUILD') throw invalidChange("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", value)
  if (instruction === 'FROM' || instruction === 'MAINTAINER')
    throw invalidChange(`${instruction} isn't allowed as an ONBUILD trigger`, value)
  return value
}

const durationFlags: Readonly<Record<string, 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval'>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
}

/** `[--interval=30s ...] CMD command`, or `NONE`. */
export function healthcheckOf(value: string): ImageHealthcheck {
  const { flags, rest } = flagsOf(value)
  const [, type = '', command = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? []
  switch (type.toUpperCase()) {
    case 'NONE':
      if (command !== '') throw invalidChange('HEALTHCHECK NONE takes no arguments', value)
      return { Test: ['NONE'] }
    case 'CMD': {
      const list = jsonList(command)
      if (list ? list.length === 0 : command === '') throw invalidChange('Missing command after HEALTHCHECK CMD', value)
      return { Test: list ? ['CMD', ...list] : ['CMD-SHELL', command], ...timesOf(flags) }
    }
    case '':
      throw invalidChange('HEALTHCHECK requires at least one argument', value)
    default:
      throw invalidChange(`Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`, value)
  }
}

function flagsOf(value: string): { flags: Map<string, string>; rest: string } {
  const flags = new Map<string, string>()
  let rest = value
  for (;;) {
    const [token, name = '', content] = /^--([^\s=]*)(?:=(\S*))?\s*/.exec(rest) ?? []
    if (token === undefined) return { flags, rest }
    if (name !== 'retries' && !(name in durationFlags)) throw invalidChange(`Unknown flag: ${name}`, value)
    if (content === undefined) throw invalidChange(`Missing a value on flag: ${name}`, value)
    if (flags.has(name)) throw invalidChange(`Duplicate flag specified: ${name}`, value)
    flags.set(name, content)
    rest = rest.slice(token.length)
  }
}

function timesOf(flags: ReadonlyMap<string, string>): Partial<ImageHealthcheck> {
  const times = [...flags].map(([name, text]) => {
    const field = durationFlags[name]
    return field === undefined ? ['Retries', retriesOf(text)] : [field, nanosecondsOf(name, text)]
  })
  return Object.fromEntries(times)
}

function retriesOf(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw invalidChange(`--retries: parsing ${JSON.stringify(text)}: invalid syntax`, text)
  if (Number(text) < 1) throw invalidChange(`--retries must be at least 1 (not ${Number(text)})`, text)
  return Number(text)
}

const millisecond = 1e6

/** As Go writes durations: `1m30s`. */
function nanosecondsOf(name: string, text: string): number {
  const total = parseDuration(text)
  if (total === undefined) throw invalidChange(`time: invalid duration ${JSON.stringify(text)}`, text)
  if (total < millisecond) throw invalidChange(`Interval ${JSON.stringify(name)} cannot be less than 1ms`, text)
  return total
}

export function invalidChange(message: string, change: string): InvalidOptionError {
  return invalidOption(message, { change })
}
