import type { Source } from '../dockerfile/index.js'
import { BuildError, InboardError, UnsupportedHostError } from '../errors/index.js'
import { printable } from '../errors/printable.js'

const maxShownLength = 1000

/** What a failure of an instruction is told as: with its place. What has a place already, or is an abort, stays as it is. */
export function failedAt(
  error: unknown,
  file: string,
  { lines, original }: Pick<Source, 'lines' | 'original'>,
  signal?: AbortSignal,
): unknown {
  if (signal?.aborted && error === signal.reason) return error
  if (!(error instanceof InboardError)) return error
  if (error instanceof BuildError && error.line !== undefined) return error
  // What the host lacks is no fault of the Dockerfile's.
  const Failure = error instanceof UnsupportedHostError ? UnsupportedHostError : BuildError
  return new Failure(error.message, {
    code: error.code,
    cause: error instanceof Failure ? error.cause : error,
    details: { ...error.details, file, line: lines.first, instruction: printable(original, maxShownLength) },
  })
}
