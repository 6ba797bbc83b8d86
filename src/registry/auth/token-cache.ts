import { untilAborted } from '../aborts.js'
import type { Token } from './token-server.js'

/** Tokens by what they are for. Several that want the same one wait for one request. */
export interface TokenCache {
  /** @param request is aborted when nobody waits for it any more */
  get(key: string, request: (signal: AbortSignal) => Promise<Token>, signal: AbortSignal): Promise<string>
  /** Forgets a token that was refused, unless another one has taken its place. */
  drop(key: string, token: string): void
}

interface Kept {
  readonly token: string
  /** Of the monotonic clock, in ms. */
  readonly renewAt: number
}

interface Flight {
  readonly token: Promise<Token>
  readonly stop: AbortController
  waiting: number
}

const maxKept = 1000
/** Renewed this part of its life before its end, but not earlier than so many ms. */
const margin = 0.1
const maxMarginMs = 10_000

export function openTokenCache(): TokenCache {
  const kept = new Map<string, Kept>()
  const flights = new Map<string, Flight>()

  const keep = (key: string, { token, lifetimeMs }: Token) => {
    const [oldest] = kept.keys()
    if (kept.size >= maxKept && oldest !== undefined) kept.delete(oldest)
    kept.delete(key)
    kept.set(key, { token, renewAt: performance.now() + lifetimeMs - Math.min(lifetimeMs * margin, maxMarginMs) })
  }

  const takeOff = (key: string, request: (signal: AbortSignal) => Promise<Token>): Flight => {
    const stop = new AbortController()
    const flight: Flight = { token: request(stop.signal), stop, waiting: 0 }
    flights.set(key, flight)
    const land = () => flights.get(key) === flight && flights.delete(key)
    flight.token.then((token) => {
      if (land()) keep(key, token)
    }, land)
    return flight
  }

  return {
    async get(key, request, signal) {
      const known = kept.get(key)
      if (known && known.renewAt > performance.now()) return known.token
      const flight = flights.get(key) ?? takeOff(key, request)
      flight.waiting++
      try {
        return (await untilAborted(flight.token, signal)).token
      } finally {
        if (--flight.waiting === 0 && flights.get(key) === flight) {
          // Without its waiters it is nobody's, and must not be joined any more.
          flights.delete(key)
          flight.stop.abort()
        }
      }
    },
    drop(key, token) {
      if (kept.get(key)?.token === token) kept.delete(key)
    },
  }
}
