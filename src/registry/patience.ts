import { InboardError, RegistryError } from '../errors/index.js'
import { pause } from './pause.js'

export interface PatienceTuning {
  /** Tries in a row that bring nothing. Default: 5. */
  readonly attempts?: number
  /** Before the second of them; doubles with each, and up to half as much again at random. Default: 250. */
  readonly firstDelayMs?: number
  /** The longest that a `Retry-After` is waited for. Default: 60,000. */
  readonly maxRetryAfterMs?: number
}

const maxDelayMs = 10_000
const defaultMaxRetryAfterMs = 60_000

/** How often something that breaks off is tried again: as long as it gets on, but only so often where it does not. */
export class Patience {
  readonly #attempts: number
  readonly #firstDelayMs: number
  readonly #maxRetryAfterMs: number
  #failures = 0

  constructor({ attempts = 5, firstDelayMs = 250, maxRetryAfterMs = defaultMaxRetryAfterMs }: PatienceTuning) {
    this.#attempts = attempts
    this.#firstDelayMs = firstDelayMs
    this.#maxRetryAfterMs = maxRetryAfterMs
  }

  /**
   * Waits before the next try.
   *
   * @param what was broken off, for the error: `the download of sha256:.. from redis`
   * @throws {RegistryError} `REGISTRY_UNAVAILABLE` when there is none, or `cause` itself when it cannot pass
   */
  async after(cause: unknown, what: string, hasProgressed: boolean, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (cause instanceof InboardError && !cause.retryable) throw cause
    this.#failures = hasProgressed ? 1 : this.#failures + 1
    if (this.#failures >= this.#attempts) throw exhausted(cause, what, this.#failures)
    const ms = Math.min(this.#firstDelayMs * 2 ** (this.#failures - 1), maxDelayMs) * (1 + Math.random() / 2)
    await pause(Math.max(ms, this.#asked(cause)), signal)
  }

  /** What the registry wants to be waited for. */
  #asked(cause: unknown): number {
    const ms = cause instanceof InboardError ? cause.details.retryAfterMs : 0
    return typeof ms === 'number' ? Math.min(ms, this.#maxRetryAfterMs) : 0
  }
}

function exhausted(cause: unknown, what: string, attempts: number): InboardError {
  // What has already been tried again and again below has said so itself.
  if (cause instanceof InboardError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new RegistryError(`${what} broke off ${attempts} times in a row: ${why}`, {
    code: 'REGISTRY_UNAVAILABLE',
    cause,
    details: { attempts },
  })
}
