import { InvalidOptionError } from '../errors/index.js'
import type { ImageRunConfig } from '../spec/options.js'
import { splitWords } from './words.js'

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] }
type Change = (config: Mutable<ImageRunConfig>, value: string) => void

/**
 * Applies `docker import --change` instructions to a configuration: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL,
 * USER, VOLUME, WORKDIR, written as in a Dockerfile.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION`
 */
export function applyChanges(base: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const config: Mutable<ImageRunConfig> = { ...base }
  for (const change of changes) {
    const [, instruction = '', value = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(change) ?? []
    const apply = instructions[instruction.toUpperCase()]
    if (!apply) throw invalid(`${instruction.toUpperCase() || '""'} is not a valid change command`, change)
    if (value === '') throw invalid(`${instruction.toUpperCase()} requires at least one argument`, change)
    apply(config, value)
  }
  return config
}

const instructions: Readonly<Record<string, Change>> = {
  CMD: (config, value) => {
    config.Cmd = commandOf(value)
  },
  ENTRYPOINT: (config, value) => {
    config.Entrypoint = commandOf(value)
  },
  ENV: (config, value) => {
    const env = new Map((config.Env ?? []).map((item) => [item.split('=', 1)[0] as string, item]))
    for (const [name, content] of pairsOf('ENV', value)) env.set(name, `${name}=${content}`)
    config.Env = [...env.values()]
  },
  LABEL: (config, value) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf('LABEL', value)) }
  },
  EXPOSE: (config, value) => {
    const ports = splitWords(value).flatMap(portsOf)
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) }
  },
  VOLUME: (config, value) => {
    const volumes = jsonList(value) ?? splitWords(value)
    if (volumes.includes('')) throw invalid('VOLUME specified can not be an empty string', value)
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(volumes.map((volume) => [volume, {}])) }
  },
  USER: (config, value) => {
    config.User = oneWord('USER', value)
  },
  WORKDIR: (config, value) => {
    const directory = splitWords(value).join(' ')
    config.WorkingDir = directory.startsWith('/')
      ? directory
      : `${config.WorkingDir?.replace(/\/$/, '') ?? ''}/${directory}`
  },
  STOPSIGNAL: (config, value) => {
    config.StopSignal = oneWord('STOPSIGNAL', value)
  },
}

/** The exec form is a JSON array; everything else is for the shell. */
function commandOf(value: string): readonly string[] {
  return jsonList(value) ?? ['/bin/sh', '-c', value]
}

function jsonList(value: string): string[] | undefined {
  if (!value.startsWith('[')) return undefined
  try {
    const list: unknown = JSON.parse(value)
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined
  } catch {
    return undefined
  }
}

/** `A=1 B="two words"`, or the old form `NAME all the rest`. */
function pairsOf(instruction: string, value: string): [string, string][] {
  const words = splitWords(value)
  if (!words[0]?.includes('=')) {
    const [, name = '', rest = ''] = /^(\S+)\s+([\s\S]+)$/.exec(value) ?? []
    if (name === '') throw invalid(`${instruction} must have two arguments`, value)
    return [[name, rest]]
  }
  return words.map((word) => {
    const equals = word.indexOf('=')
    if (equals < 0)
      throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`, value)
    if (equals === 0) throw invalid(`${instruction} names can not be blank`, value)
    return [word.slice(0, equals), word.slice(equals + 1)]
  })
}

const maxPort = 65535

/** `80`, `53/udp`, `8000-8005/tcp` */
function portsOf(text: string): string[] {
  const [, first, last, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? []
  const from = Number(first)
  const to = Number(last ?? first)
  if (first === undefined || from > to || to > maxPort) throw invalid(`Invalid containerPort: ${text}`, text)
  return Array.from({ length: to - from + 1 }, (_, at) => `${from + at}/${protocol.toLowerCase()}`)
}

function oneWord(instruction: string, value: string): string {
  const words = splitWords(value)
  if (words.length !== 1) throw invalid(`${instruction} requires exactly one argument`, value)
  return words[0] as string
}

function invalid(message: string, change: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', details: { change } })
}
