import { InvalidStateError } from '../errors/index.js'
import { printable } from '../errors/printable.js'
import type { Outcome } from '../store/containers.js'
import { clip } from './attempts.js'
import type { Container } from './container.js'
import type { ContainerContext } from './context.js'
import { settledNow } from './files.js'
import { statusOf } from './inspect-state.js'

/** Why a container did not become ready, and all that may tell the cause. */
export interface Failure {
  /** It took too long, or the container has ended. */
  readonly kind: 'late' | 'ended'
  readonly outcome: Outcome | undefined
  readonly timeoutMs: number
  readonly waited: string
  readonly attempts: readonly string[]
  readonly lastLog: readonly string[]
  readonly cause: unknown
}

/** So much of a line of the log, and of what was tried, is in the message; `details` has all of it. */
const longestShown = 200

/** {@link InvalidStateError} WAIT_TIMED_OUT or CONTAINER_EXITED_EARLY. */
export async function notReady(
  context: ContainerContext,
  { id, name }: Container,
  { kind, outcome, timeoutMs, waited, attempts, lastLog, cause }: Failure,
): Promise<InvalidStateError> {
  const state = await stateOf(context, id)
  const exitCode = outcome?.exitCode
  const what =
    kind === 'late'
      ? `Container ${name} was not ready within ${timeoutMs} ms: it is ${state}`
      : `Container ${name} has ended before it was ready${exitCode === undefined ? '' : `, with exit code ${exitCode}`}`
  const message = [
    `${what}; waited for ${waited}`,
    ...listed('Tried last:', attempts.slice(-3)),
    ...(lastLog.length > 0 ? listed('Its log ends with:', lastLog) : ['It has logged nothing.']),
  ].join('\n')
  return new InvalidStateError(message, {
    code: kind === 'late' ? 'WAIT_TIMED_OUT' : 'CONTAINER_EXITED_EARLY',
    cause,
    details: {
      container: id,
      state,
      ...(exitCode !== undefined && { exitCode }),
      waited,
      attempts: Object.freeze(attempts),
      lastLog: Object.freeze(lastLog),
    },
  })
}

const listed = (title: string, lines: readonly string[]) =>
  lines.length > 0 ? [title, ...lines.map((line) => `  ${printable(clip(line, longestShown), longestShown + 1)}`)] : []

async function stateOf(context: ContainerContext, id: string): Promise<string> {
  const now = await settledNow(context, id)
  return now ? statusOf(now) : 'removed'
}
