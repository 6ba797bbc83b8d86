import { ApiError } from '../failures.js'

/** A build and its context come at once, by two requests. */
const patienceMs = 5000

/** `buildid` of the request with a context, before that of the build. */
export const uploadPrefix = 'upload-request:'

type Body = AsyncIterable<Uint8Array>

/** Contexts that clients send by a request of their own, for a build that says so. */
export class Uploads {
  readonly #offered = new Map<string, Offer>()
  readonly #waiting = new Map<string, () => void>()

  /**
   * Offers a context to the build of this id. Resolves when that has ended.
   *
   * @throws {ApiError} 400 when there is no such build, 409 when there is one already; the signal's reason
   */
  async offer(build: string, body: Body, signal: AbortSignal): Promise<void> {
    if (this.#offered.has(build)) throw new ApiError(409, `there is a context for build ${build} already`)
    const late = new AbortController()
    const timeout = setTimeout(() => late.abort(new ApiError(400, `there is no build ${build}`)), patienceMs)
    const over = AbortSignal.any([signal, late.signal])
    try {
      await new Promise<void>((resolve, reject) => {
        over.addEventListener('abort', () => reject(over.reason), { once: true })
        this.#offered.set(build, { body, taken: () => clearTimeout(timeout), release: resolve })
        this.#waiting.get(build)?.()
      })
    } finally {
      clearTimeout(timeout)
      this.#offered.delete(build)
    }
  }

  /** To be released when the build has ended. @throws {ApiError} 400 when none comes */
  async take(build: string, signal: AbortSignal): Promise<Body> {
    if (!this.#offered.has(build)) await this.#wait(build, signal)
    const offer = this.#offered.get(build)
    if (!offer) throw missing(build)
    offer.taken()
    return offer.body
  }

  /** The build has ended: whoever has offered its context is told. */
  release(build: string): void {
    this.#offered.get(build)?.release()
  }

  async #wait(build: string, signal: AbortSignal): Promise<void> {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
    try {
      await new Promise<void>((resolve, reject) => {
        const late = () => reject(signal.aborted ? signal.reason : missing(build))
        patience.addEventListener('abort', late, { once: true })
        this.#waiting.set(build, resolve)
      })
    } finally {
      this.#waiting.delete(build)
    }
  }
}

interface Offer {
  readonly body: Body
  taken(): void
  release(): void
}

const missing = (build: string) => new ApiError(400, `no context has come for build ${build}`)
