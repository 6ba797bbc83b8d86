import type { InboardError } from '../errors/index.js'
import { pause } from './pause.js'

export interface ExchangeFailureInit {
  /** Whether the same may succeed when it is tried again. */
  readonly mayPass: boolean
  /** Nothing reached the server: any request may be repeated, not only one that changes nothing. */
  readonly isUnsent: boolean
  readonly retryAfterMs?: number
}

/** A request that brought nothing, and whether it may be tried again. */
export class ExchangeFailure extends Error {
  readonly mayPass: boolean
  readonly isUnsent: boolean
  readonly retryAfterMs: number
  /** @param failure what is thrown when it is not tried again */
  constructor(
    readonly failure: InboardError,
    { mayPass, isUnsent, retryAfterMs = 0 }: ExchangeFailureInit,
  ) {
    super(failure.message)
    this.mayPass = mayPass
    this.isUnsent = isUnsent
    this.retryAfterMs = retryAfterMs
  }
}

export interface RetryOptions {
  readonly attempts: number
  readonly firstDelayMs: number
  readonly maxRetryAfterMs: number
  readonly isRepeatable: boolean
  readonly signal: AbortSignal
}

/** Tries until it succeeds, fails with something else than a {@link ExchangeFailure}, or has been tried often enough. */
export async function retrying<Result>(attempt: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { signal, attempts, firstDelayMs, isRepeatable } = options
  const { default: pRetry } = await import('p-retry')
  const mayRepeat = (error: Error): error is ExchangeFailure =>
    error instanceof ExchangeFailure && error.mayPass && (isRepeatable || error.isUnsent)
  try {
    return await pRetry(wrapped(attempt), {
      retries: attempts - 1,
      minTimeout: firstDelayMs,
      randomize: true,
      signal,
      shouldRetry: ({ error }) => mayRepeat(error),
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (retriesLeft === 0 || !mayRepeat(error)) return
        if (error.retryAfterMs > 0) await pause(Math.min(error.retryAfterMs, options.maxRetryAfterMs), signal)
      },
    })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    const thrown = error instanceof Foreign ? error.thrown : error
    throw thrown instanceof ExchangeFailure ? thrown.failure : thrown
  }
}

/** Carries what p-retry would replace: a TypeError, or what is no Error. */
class Foreign extends Error {
  constructor(readonly thrown: unknown) {
    super('not to be tried again')
  }
}

function wrapped<Result>(attempt: () => Promise<Result>): () => Promise<Result> {
  return async () => {
    try {
      return await attempt()
    } catch (error) {
      throw error instanceof ExchangeFailure ? error : new Foreign(error)
    }
  }
}

/** `Retry-After`: seconds, or a date. */
export function retryAfterMs(value: string | undefined): number {
  if (value === undefined) return 0
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now())
}
