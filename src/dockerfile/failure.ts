import { BuildError } from '../errors/index.js'
import { printable } from '../errors/printable.js'
import type { Source } from './types.js'

const maxShownLength = 1000

/** Why a text is refused, in Docker's words. Where it stands is added by who knows: it never leaves this folder. */
export class Refusal extends Error {}

/** What is known of the place of a failure. */
export interface Place {
  readonly file: string
  /** Absent: the file as a whole. */
  readonly source?: Pick<Source, 'lines' | 'original'>
}

/** Runs `body`; what it refuses becomes an error with its place. */
export function at<Result>(place: Place, what: 'parse' | 'expand', body: () => Result): Result {
  try {
    return body()
  } catch (error) {
    if (error instanceof Refusal) throw failureAt(place, what, error.message)
    throw error
  }
}

function failureAt({ file, source }: Place, what: 'parse' | 'expand', text: string): BuildError {
  const reason = printable(text, maxShownLength)
  const line = source?.lines.first
  const message = line === undefined || what === 'expand' ? reason : `dockerfile parse error on line ${line}: ${reason}`
  return new BuildError(message, {
    code: 'DOCKERFILE_INVALID',
    details: { file, reason, ...(source && { line, instruction: printable(source.original, maxShownLength) }) },
  })
}
