import { InvalidOptionError } from '../errors/index.js'
import { parseBoolean } from './boolean.js'
import { checkText, invalidOption } from './invalid.js'
import { checkLogTag } from './log-tag.js'
import type { RunOptions } from './options.js'

/** A container's log, checked: Docker's names and values. */
export interface LogConfig {
  readonly driver: string
  readonly options: Readonly<Record<string, string>>
}

/** How the supervisor keeps it. */
export interface LogStorage {
  readonly format: 'jsonFile' | 'local'
  /** The file is renamed when it has as many bytes; 0: never. */
  readonly maximumBytes: number
  readonly files: number
  /** Renamed files are compressed by gzip, and have `.gz` behind their number. */
  readonly compress: boolean
}

/** Drivers by name, with what they have against options. */
export type LogDrivers = Readonly<Record<string, { check?(options: LogConfig['options']): void }>>

const ofEveryDriver = ['mode', 'max-buffer-size']
const jsonFileOptions = ['max-file', 'max-size', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag']
const localOptions = ['max-file', 'max-size', 'compress']
const localBytes = 20 * 1024 * 1024
const localFiles = 5

/**
 * `--log-driver` and `--log-opt`, as Docker's drivers check them; options may also be written in camelCase, and lists as
 * arrays.
 *
 * @param drivers those that the engine was given
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseLog(raw: Pick<RunOptions, 'logDriver' | 'logOpt'>, drivers: LogDrivers): LogConfig {
  const driver = checkText('logDriver', raw.logDriver ?? '') || 'json-file'
  const isOurs = ['json-file', 'local', 'none'].includes(driver)
  if (!isOurs && !Object.hasOwn(drivers, driver))
    throw invalidOption(
      'logDriver',
      `error looking up logging plugin ${driver}: plugin "${driver}" not found`,
      "take 'json-file', 'local' or 'none', or give the engine a driver of this name: Engine.open({ logDrivers })",
      driver,
    )
  const log = { driver, options: optionsOf(raw.logOpt, isOurs) }
  checkMode(log)
  if (driver === 'none') checkNone(log)
  else if (driver === 'json-file') checkJsonFile(log)
  else if (driver === 'local') checkLocal(log)
  else checkForeign(log, drivers)
  return log
}

/** How it is kept on disk; undefined: it is not. */
export function logStorage({ driver, options }: LogConfig): LogStorage | undefined {
  if (driver === 'none') return undefined
  if (driver === 'json-file')
    return {
      format: 'jsonFile',
      maximumBytes: options['max-size'] === undefined ? 0 : decimalSize('max-size', options['max-size']),
      files: count('max-file', options['max-file'] ?? '1'),
      compress: isTrue('compress', options.compress),
    }
  const [size, files] = driver === 'local' ? (['max-size', 'max-file'] as const) : spoolOptions
  return {
    format: 'local',
    maximumBytes: options[size] === undefined ? localBytes : decimalSize(size, options[size]),
    files: options[files] === undefined ? localFiles : count(files, options[files]),
    compress: driver === 'local' && isTrue('compress', options.compress ?? 'true'),
  }
}

/** Where a container's log is: rotated files have numbers behind the name. */
export function logPath(directory: string, id: string, { format }: LogStorage): string {
  return format === 'local' ? `${directory}/local-logs/container.log` : `${directory}/${id}-json.log`
}

/** Of drivers of others: how much of what they have not taken yet is kept. Docker's names for what it can read back. */
const spoolOptions = ['cache-max-size', 'cache-max-file'] as const

function optionsOf(given: RunOptions['logOpt'], isOurs: boolean): Record<string, string> {
  const options: Record<string, string> = {}
  for (const [name, value] of [given ?? []].flat().flatMap(entriesOf)) {
    if (value === undefined) continue
    const text = Array.isArray(value) ? value.join(',') : typeof value === 'string' ? value : String(value)
    options[isOurs || /^cacheMax(?:Size|File)$/.test(name) ? kebab(name) : name] = checkText('logOpt', text)
  }
  return Object.fromEntries(Object.entries(options).sort(([one], [other]) => (one < other ? -1 : 1)))
}

function entriesOf(given: string | LogOptionsInput): [string, LogOptionsInput[string]][] {
  if (typeof given === 'object') return Object.entries(given)
  const equals = checkText('logOpt', given).indexOf('=')
  return [equals < 0 ? [given, ''] : [given.slice(0, equals), given.slice(equals + 1)]]
}

/** Log options as an object: values by name, `'max-size'` or `maxSize`. */
export type LogOptionsInput = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const refuse = (what: string, hint: string, value?: unknown) => invalidOption('logOpt', what, hint, value)
const refuseStart = (what: string, hint: string, value?: unknown) =>
  refuse(`failed to initialize logging driver: ${what}`, hint, value)

function checkMode({ driver, options }: LogConfig): void {
  if (driver === 'none') return
  const { mode = '' } = options
  if (!['', 'blocking', 'non-blocking'].includes(mode))
    throw refuse(`logger: logging mode not supported: ${mode}`, "take 'blocking' or 'non-blocking'", mode)
  const buffer = options['max-buffer-size']
  if (buffer === undefined) return
  if (mode !== 'non-blocking')
    throw refuse("logger: max-buffer-size option is only supported with 'mode=non-blocking'", 'leave it out', buffer)
  decimalSize('max-buffer-size', buffer)
}

function checkNone({ options }: LogConfig): void {
  if (Object.keys(options).length > 0) throw refuse('invalid logging opts for driver none', 'leave them out', options)
}

function checkJsonFile(log: LogConfig): void {
  const { options } = log
  checkNames(options, jsonFileOptions, (name) => `unknown log opt '${name}' for json-file log driver`)
  const { maximumBytes, files, compress } = logStorage(log) as LogStorage
  if (options['max-size'] !== undefined && maximumBytes === 0)
    throw refuseStart('max-size must be a positive number', "give a size such as '10m'", options['max-size'])
  if (files < 1) throw refuseStart('max-file cannot be less than 1', 'give 1 or more', options['max-file'])
  if (compress && (files < 2 || maximumBytes === 0))
    throw refuseStart(
      'compress cannot be true when max-file is less than 2 or max-size is not set',
      'give both',
      options.compress,
    )
  for (const name of ['labels-regex', 'env-regex']) checkPattern(options[name])
  if (options.tag !== undefined) checkLogTag(options.tag)
}

function checkLocal(log: LogConfig): void {
  const { options } = log
  checkNames(options, localOptions, (name) => `unknown log opt '${name}' for log driver local`)
  const { files, compress } = logStorage(log) as LogStorage
  if (compress && files < 2)
    throw refuseStart(
      'compression cannot be enabled when max file count is 1',
      "give compress 'false', or a larger max-file",
      options['max-file'],
    )
}

function checkForeign(log: LogConfig, drivers: LogDrivers): void {
  logStorage(log)
  try {
    drivers[log.driver]?.check?.(log.options)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new InvalidOptionError(`failed to initialize logging driver: ${message}`, {
      code: 'INVALID_OPTION',
      cause,
      details: { option: 'logOpt', driver: log.driver },
    })
  }
}

function checkNames(options: LogConfig['options'], known: readonly string[], message: (name: string) => string): void {
  for (const name of Object.keys(options))
    if (!known.includes(name) && !ofEveryDriver.includes(name))
      throw refuse(message(name), `it has ${known.join(', ')}`, name)
}

function checkPattern(pattern: string | undefined): void {
  if (pattern === undefined) return
  try {
    new RegExp(pattern)
  } catch (cause) {
    throw refuseStart(`error parsing regexp: ${(cause as Error).message}`, 'give a regular expression', pattern)
  }
}

/** Docker's sizes of logs: powers of 1000, whatever the unit's spelling. */
function decimalSize(option: string, text: string): number {
  const [, number, prefix = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$/i.exec(text) ?? []
  if (number === undefined) throw refuseStart(`invalid size: '${text}'`, `give ${option} as in '10m'`, text)
  return Math.trunc(Number(number) * 1000 ** ' kmgtp'.indexOf(prefix.toLowerCase() || ' '))
}

function count(option: string, text: string): number {
  if (/^[+-]?\d{1,9}$/.test(text)) return Number(text)
  throw refuseStart(`strconv.Atoi: parsing "${text}": invalid syntax`, `give ${option} as a whole number`, text)
}

function isTrue(option: string, text: string | undefined): boolean {
  const is = parseBoolean(text ?? 'false')
  if (is !== undefined) return is
  throw refuseStart(`strconv.ParseBool: parsing "${text}": invalid syntax`, `give ${option} true or false`, text)
}
