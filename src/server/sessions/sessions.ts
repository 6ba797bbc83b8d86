import { ApiError } from '../failures.js'
import type { ClientSession } from './client-session.js'

/** A build may come before its session: both are on their way at once. */
const patienceMs = 5000

/** More have never been seen. */
const maxSessions = 1000

/** The sessions of a server, by the ids that clients have given them. */
export class Sessions {
  readonly #open = new Map<string, ClientSession>()
  readonly #waiting = new Map<string, Set<(session: ClientSession) => void>>()

  /** @throws {ApiError} 400, 409, 503: there can be none of this id */
  verify(id: string): void {
    if (!/^[\w-]{1,128}$/.test(id)) throw new ApiError(400, `invalid session id: ${JSON.stringify(id)}`)
    if (this.#open.has(id)) throw new ApiError(409, `session ${id} already exists`)
    if (this.#open.size >= maxSessions) throw new ApiError(503, 'there are too many sessions')
  }

  /** It stays until its client is gone. */
  add(session: ClientSession): void {
    this.#open.set(session.id, session)
    for (const found of this.#waiting.get(session.id) ?? []) found(session)
    void session.closed.then(() => this.#open.delete(session.id))
  }

  /** Waits a moment for it. @throws {ApiError} 400 when it does not come */
  async get(id: string, signal: AbortSignal): Promise<ClientSession> {
    const session = this.#open.get(id)
    if (session) return session
    signal.throwIfAborted()
    const all = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, all)
    const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
    let found: ((session: ClientSession) => void) | undefined
    try {
      return await new Promise<ClientSession>((resolve, reject) => {
        found = resolve
        all.add(resolve)
        patience.addEventListener('abort', () => reject(signal.aborted ? signal.reason : missing(id)), { once: true })
      })
    } finally {
      if (found) all.delete(found)
      if (all.size === 0) this.#waiting.delete(id)
    }
  }
}

const missing = (id: string) => new ApiError(400, `no active session for ${id}: context deadline exceeded`)
