import { formatDuration, parseDuration } from './duration.js'
import { checkFlag, checkInteger, checkText, checkTexts, invalidOption } from './invalid.js'
import type { ContainerConfig, HealthcheckInput, ImageHealthcheck, ImageRunConfig, RunOptions } from './options.js'
import { compact } from './records.js'

type Configured = NonNullable<ContainerConfig['healthcheck']>

const msNs = 1e6
const longestMs = 2 ** 63 / msNs

/** What is left out is the image's; and where the image says nothing, Docker's. */
const inherited: Configured = {
  test: [],
  intervalMs: 0,
  timeoutMs: 0,
  startPeriodMs: 0,
  startIntervalMs: 0,
  retries: 0,
}

/**
 * The options of `docker run` that are about health checks, checked as its client and its daemon do.
 *
 * @returns undefined when there are none: all is the image's
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseHealthcheck({ healthcheck, noHealthcheck }: RunOptions): Configured | undefined {
  const isOff = checkFlag('noHealthcheck', noHealthcheck)
  const given = Object.values(healthcheck ?? {}).some((value) => value !== undefined && value !== '')
  if (isOff && given)
    throw invalidOption('noHealthcheck', '--no-healthcheck conflicts with --health-* options', 'leave out one of them')
  if (isOff) return { ...inherited, test: ['NONE'] }
  return healthcheck && given ? parseGiven(healthcheck) : undefined
}

function parseGiven({ test, interval, timeout, retries, startPeriod, startInterval }: HealthcheckInput): Configured {
  return {
    test: parseTest(test),
    intervalMs: parseTime('healthInterval', 'Interval', interval),
    timeoutMs: parseTime('healthTimeout', 'Timeout', timeout),
    startPeriodMs: parseTime('healthStartPeriod', 'StartPeriod', startPeriod),
    startIntervalMs: parseTime('healthStartInterval', 'StartInterval', startInterval),
    retries: parseRetries(retries),
  }
}

function parseTest(test: HealthcheckInput['test']): readonly string[] {
  if (test === undefined || test === '') return []
  if (typeof test === 'string') return ['CMD-SHELL', checkText('healthCmd', test)]
  const [type = '', ...command] = checkTexts('healthCmd', test)
  if (type === 'NONE') return ['NONE']
  if (type !== 'CMD' && type !== 'CMD-SHELL')
    throw invalidOption(
      'healthCmd',
      `Unknown healthcheck type '${type}' (expected 'CMD')`,
      "begin the test with 'CMD', 'CMD-SHELL' or 'NONE'",
      test,
    )
  if (command.length === 0 || command[0] === '')
    throw invalidOption('healthCmd', `Missing command after HEALTHCHECK ${type}`, 'give a program', test)
  return [type, ...command]
}

const flags: Readonly<Record<string, string>> = {
  Interval: '--health-interval',
  Timeout: '--health-timeout',
  StartPeriod: '--health-start-period',
  StartInterval: '--health-start-interval',
}

function parseTime(option: string, field: string, value: number | string | undefined): number {
  if (value === undefined) return 0
  const ms = typeof value === 'number' ? value : (parseDuration(value) ?? Number.NaN) / msNs
  const hint = "give milliseconds, or a string such as '1m30s'"
  if (Number.isNaN(ms) || ms > longestMs)
    throw invalidOption(option, `time: invalid duration ${JSON.stringify(String(value))}`, hint, value)
  if (ms < 0) throw invalidOption(option, `${flags[field]} cannot be negative`, hint, value)
  if (ms > 0 && ms < 1) throw invalidOption(option, `${field} in Healthcheck cannot be less than 1ms`, hint, value)
  return ms
}

function parseRetries(retries: number | undefined): number {
  if (retries !== undefined && retries < 0)
    throw invalidOption('healthRetries', '--health-retries cannot be negative', 'give a number of failures', retries)
  return checkInteger('healthRetries', retries, 0, 2 ** 31 - 1) ?? 0
}

/** A container's health check in Docker's form: its own, and field by field its image's for what it leaves out. */
export function mergeHealthcheck(
  own: Configured | undefined,
  image: ImageRunConfig['Healthcheck'],
): ImageHealthcheck | undefined {
  if (!own) return image ?? undefined
  const ns = (ms: number) => Math.round(ms * msNs)
  return compact({
    Test: own.test.length > 0 ? own.test : (image?.Test ?? undefined),
    Interval: ns(own.intervalMs) || image?.Interval || undefined,
    Timeout: ns(own.timeoutMs) || image?.Timeout || undefined,
    StartPeriod: ns(own.startPeriodMs) || image?.StartPeriod || undefined,
    StartInterval: ns(own.startIntervalMs) || image?.StartInterval || undefined,
    Retries: own.retries || image?.Retries || undefined,
  })
}

/** One health check that was made. Times are nanoseconds since the epoch, as decimal strings. */
export interface HealthCheck {
  readonly startNs: string
  readonly endNs: string
  /** -1: it took too long, or could not be launched. */
  readonly exitCode: number
  /** The first 4096 bytes of what it printed. */
  readonly output: string
}

/** A health check that is to be made: every default is filled. Whole milliseconds, at least one. */
export interface HealthSchedule {
  readonly command: readonly string[]
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly startPeriodMs: number
  readonly startIntervalMs: number
  readonly retries: number
  /** The output of a check that took too long. */
  readonly expired: string
}

/**
 * How a container is checked; undefined: it is not, because nobody asks for it, or the image's test is none that there is.
 *
 * @see https://docs.docker.com/reference/dockerfile/#healthcheck
 */
export function healthSchedule({ healthcheck }: ContainerConfig, image: ImageRunConfig): HealthSchedule | undefined {
  const merged = mergeHealthcheck(healthcheck, image.Healthcheck)
  const command = commandOf(merged?.Test ?? [], image.Shell)
  if (!merged || !command) return undefined
  const ms = (ns: number | undefined, otherwise: number) => (ns ? Math.max(1, Math.round(ns / msNs)) : otherwise)
  return {
    command,
    intervalMs: ms(merged.Interval, 30_000),
    timeoutMs: ms(merged.Timeout, 30_000),
    startPeriodMs: ms(merged.StartPeriod, 0),
    startIntervalMs: ms(merged.StartInterval, 5000),
    retries: merged.Retries || 3,
    expired: `Health check exceeded timeout (${formatDuration(merged.Timeout || 30e9)})`,
  }
}

function commandOf([type, ...words]: readonly string[], shell: ImageRunConfig['Shell']): string[] | undefined {
  if (words.length === 0 || words[0] === '') return undefined
  if (type === 'CMD') return words
  return type === 'CMD-SHELL' ? [...(shell?.length ? shell : ['/bin/sh', '-c']), ...words] : undefined
}
