import { type EndpointRequest, type ExchangeContext, exchange } from './exchange.js'
import { ExchangeFailure } from './retry.js'
import type { RegistryResponse } from './transport.js'

/** Asks mirrors, once each: one that cannot be reached is left alone for `restMs`. */
export function openMirrors(context: ExchangeContext, restMs: number) {
  const resting = new Map<string, number>()

  /** Undefined for whatever another one should be asked for. */
  return async (asked: EndpointRequest): Promise<RegistryResponse | undefined> => {
    const { host } = asked.endpoint
    if ((resting.get(host) ?? 0) > performance.now()) return undefined
    try {
      const response = await exchange(context, asked)
      if (response.status < 400) return response
      response.body.destroy()
    } catch (error) {
      asked.signal.throwIfAborted()
      const isUnreached = error instanceof ExchangeFailure && error.isUnsent
      if (isUnreached) resting.set(host, performance.now() + restMs)
    }
    return undefined
  }
}
