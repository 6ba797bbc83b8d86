import { Readable } from 'node:stream'
import type { Agent } from 'undici'
import { connectionError, tooManyInterim } from './connection-errors.js'
import { Dialing } from './hosts/dialing.js'
import type { HttpProxy } from './hosts/proxies.js'
import type { Trust } from './hosts/trust.js'
import type { RegistryRequest, RegistryResponse } from './transport.js'

/** One request to one URL. */
export interface Exchange {
  readonly method: RegistryRequest['method']
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: RegistryRequest['body']
  readonly signal: AbortSignal
}

export interface Connections {
  /** Any answer. @throws {ExchangeFailure} when there is none; {RegistryError} `REGISTRY_INVALID` when it is not HTTP */
  send(exchange: Exchange): Promise<RegistryResponse>
  /** Destroys all sockets. */
  close(): Promise<void>
}

export interface ConnectionsOptions {
  readonly trust: (host: string) => Promise<Trust>
  readonly proxyFor: (url: URL) => HttpProxy | undefined
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
}

/** A registry may read a whole blob again before it answers to its upload. */
const uploadPatience = 10

/** Each `1xx` answer has undici wait anew for the one that counts. */
const maxInterimAnswers = 16

const userAgent = 'inboard'

/** Connections to any number of servers, kept for the next request. */
export function openConnections(options: ConnectionsOptions): Connections {
  const dialing = new Dialing()
  const agents = new Map<string, Promise<Agent>>()

  const agentFor = async ({ host }: URL, proxy: HttpProxy | undefined): Promise<Agent> => {
    const trust = await options.trust(host)
    const key = `${trust.key} ${proxy?.url.host ?? ''}`
    const agent = agents.get(key) ?? openAgent(trust, proxy)
    agents.set(key, agent)
    agent.catch(() => agents.delete(key))
    return agent
  }

  const openAgent = async ({ tls }: Trust, proxy: HttpProxy | undefined): Promise<Agent> => {
    const { Agent, buildConnector } = await import('undici')
    const timeoutMs = options.connectTimeoutMs
    const toTarget = buildConnector({ ...tls, timeout: timeoutMs })
    const toProxy = proxy && buildConnector({ timeout: timeoutMs, ...(await options.trust(proxy.url.host)).tls })
    return new Agent({ connect: dialing.connector({ toTarget, timeoutMs, ...(toProxy && { toProxy, proxy }) }) })
  }

  const send = async (exchange: Exchange): Promise<RegistryResponse> => {
    const { method, url, signal, body } = exchange
    const proxy = options.proxyFor(url)
    // Through a proxy plain HTTP is asked for by its whole URL, on a connection to the proxy.
    const relay = url.protocol === 'http:' ? proxy : undefined
    const agent = await agentFor(relay?.url ?? url, relay ? undefined : proxy)
    const { origin } = relay?.url ?? url
    let interim = 0
    const ask = () =>
      agent.request({
        origin,
        path: relay ? url.href : `${url.pathname}${url.search}`,
        method,
        headers: {
          host: url.host,
          'user-agent': userAgent,
          ...(relay?.authorization && { 'proxy-authorization': relay.authorization }),
          ...exchange.headers,
        },
        // undici takes any iterable, though its types do not say so.
        body: (typeof body === 'function' ? body() : (body ?? null)) as Buffer | null,
        // undici would close the connection after each HEAD.
        reset: false,
        signal,
        headersTimeout: options.headersTimeoutMs * (method === 'GET' || method === 'HEAD' ? 1 : uploadPatience),
        bodyTimeout: options.bodyTimeoutMs,
        onInfo() {
          if (++interim > maxInterimAnswers) throw tooManyInterim(url)
        },
      })
    try {
      return responseOf(await dialing.waiting(origin, signal, ask), method, url)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw connectionError(error, url, dialing.isConnectFailure(error))
    }
  }

  return {
    send,
    async close() {
      const open = await Promise.allSettled(agents.values())
      await Promise.all(open.map(async (agent) => agent.status === 'fulfilled' && agent.value.destroy()))
    },
  }
}

export function hasBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304
}

interface Answer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readable
}

function responseOf({ statusCode, headers, body }: Answer, method: string, url: URL): RegistryResponse {
  // Whoever reads the body is told by its iterator; a body nobody reads must not end the process.
  body.on('error', () => {})
  const isBare = !hasBody(method, statusCode)
  if (isBare) body.resume()
  return {
    status: statusCode,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, flat(value)])),
    body: isBare ? Readable.from([]) : body,
    url: url.href,
  }
}

function flat(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}
