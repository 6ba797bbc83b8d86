import { UnsupportedHostError } from '../errors/index.js'

/** An `UNSUPPORTED_HOST` error: what the host lacks, why that matters, and the command that mends it. */
export function unsupported(feature: string, why: string, hint: string, cause?: unknown): UnsupportedHostError {
  return new UnsupportedHostError(`${why}. To mend it: ${hint}`, {
    code: 'UNSUPPORTED_HOST',
    details: { feature, hint },
    ...(cause !== undefined && { cause }),
  })
}
