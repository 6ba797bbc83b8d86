import { checkInteger, invalidOption } from './invalid.js'
import type { RestartInput, RestartPolicy } from './options.js'

/** Never started again: what a container has that asks for nothing. */
export const noRestart: RestartPolicy = { name: 'no', maximumRetryCount: 0 }

/**
 * A restart policy, as `--restart` takes it (`on-failure:3`) or as an object.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseRestart(value: RestartInput | undefined): RestartPolicy {
  if (value === undefined || value === '') return noRestart
  return checkPolicy(typeof value === 'string' ? split(value) : fields(value), value)
}

/** Docker does not start again what it removes. @throws {InvalidOptionError} INVALID_OPTION */
export function checkRestartAndRemoval({ name }: RestartPolicy, rm: boolean): void {
  if (rm && name !== 'no')
    throw invalidOption(
      'restart',
      'conflicting options: cannot specify both --restart and --rm',
      'a container that removes itself when it ends cannot be started again: leave out one of them',
      name,
    )
}

/** How a container has ended, as far as its policy asks. */
export interface LastRun {
  readonly exitCode: number
  /** How often it had been started again by then. */
  readonly restarts: number
  /** Somebody has stopped it. */
  readonly isStopped: boolean
}

/** Whether a container that does not run is started when the machine comes up: the rules of Docker's daemon when it starts. */
export function startsAtBoot({ name, maximumRetryCount }: RestartPolicy, last: LastRun): boolean {
  switch (name) {
    case 'no':
      return false
    case 'always':
      return true
    case 'unless-stopped':
      return !last.isStopped
    case 'on-failure':
      return last.exitCode !== 0 && (maximumRetryCount === 0 || last.restarts < maximumRetryCount)
  }
}

interface Given {
  readonly name: string
  readonly maximumRetryCount: number
}

function split(text: string): Given {
  const at = text.indexOf(':')
  if (at === 0)
    throw invalidOption('restart', 'invalid restart policy format: no policy provided before colon', usage, text)
  const [name, count] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
  if (count !== '' && !/^[+-]?\d{1,9}$/.test(count))
    throw invalidOption(
      'restart',
      'invalid restart policy format: maximum retry count must be an integer',
      "write 'on-failure:3'",
      text,
    )
  return { name, maximumRetryCount: Number(count) }
}

const usage = "use 'no', 'on-failure', 'on-failure:3', 'always' or 'unless-stopped'"

function fields({ name, maximumRetryCount }: Exclude<RestartInput, string>): Given {
  return { name, maximumRetryCount: checkInteger('restart', maximumRetryCount) ?? 0 }
}

function checkPolicy({ name, maximumRetryCount }: Given, value: RestartInput): RestartPolicy {
  switch (name) {
    case 'no':
    case 'always':
    case 'unless-stopped':
      if (maximumRetryCount !== 0)
        throw invalidOption(
          'restart',
          `maximum retry count cannot be used with restart policy '${name}'`,
          "only 'on-failure' has one",
          value,
        )
      return { name, maximumRetryCount }
    case 'on-failure':
      if (maximumRetryCount < 0)
        throw invalidOption('restart', 'maximum retry count cannot be negative', 'leave it out for any number', value)
      return { name, maximumRetryCount }
    default:
      throw invalidOption('restart', `invalid restart policy '${name}'`, usage, value)
  }
}
