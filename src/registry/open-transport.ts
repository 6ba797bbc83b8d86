import { type AuthorizerOptions, noAuthorizer, openAuthorizer } from './auth/authorizer.js'
import type { Credentials } from './auth/credentials.js'
import { secretsOf, withoutSecrets } from './auth/secrets.js'
import { verifyLogin } from './auth/verify-login.js'
import { closedError } from './connection-errors.js'
import { hasBody, openConnections } from './connections.js'
import { type EndpointRequest, type ExchangeContext, exchange } from './exchange.js'
import { failure } from './failures.js'
import { type Endpoint, openHosts, originsOf, type Scheme } from './hosts/hosts.js'
import { type Environment, proxyDecision } from './hosts/proxies.js'
import { openTrust } from './hosts/trust.js'
import { liveRequests } from './live-requests.js'
import { openMirrors } from './mirrors.js'
import { actionOf, nameOf, wholeUrl } from './request-words.js'
import { retrying } from './retry.js'
import type { RegistryRequest, Transport } from './transport.js'
import type { RegistriesOptions, RegistryAuth } from './types.js'

/** Times and limits that tests shorten. */
export interface TransportTuning {
  /** Tries of a request that may be repeated. Default: 5. */
  readonly attempts?: number
  /** Before the second try; doubles with each, and up to as much again at random. Default: 250. */
  readonly firstDelayMs?: number
  /** The longest that a `Retry-After` is waited for. Default: 60,000. */
  readonly maxRetryAfterMs?: number
  /** Default: 30,000. */
  readonly connectTimeoutMs?: number
  /** From the request to the head of its answer; ten times that for what changes something. Default: 30,000. */
  readonly headersTimeoutMs?: number
  /** Without a byte of the body. Default: 30,000. */
  readonly bodyTimeoutMs?: number
  /** For how long a mirror that does not answer is not asked again. Default: 30,000. */
  readonly mirrorRestMs?: number
  /** Where `HTTP_PROXY` and the like are looked up. Default: `process.env`. */
  readonly env?: Environment
}

export interface RegistryTransport extends Transport {
  /**
   * Asks the registry whether the credentials are right.
   *
   * @returns what is to be stored: an identity token instead of the password when the registry gave one
   * @throws {AuthError} UNAUTHORIZED; {RegistryError} when it cannot say
   */
  verify(registry: string, auth: RegistryAuth, signal?: AbortSignal): Promise<RegistryAuth>
}

const defaultCertificates = '/etc/docker/certs.d'

export function openTransport(
  options: RegistriesOptions,
  credentials: Pick<Credentials, 'lookup' | 'forget'>,
  tuning: TransportTuning = {},
): RegistryTransport {
  const { env = process.env, attempts = 5, firstDelayMs = 250, maxRetryAfterMs = 60_000 } = tuning
  const hosts = openHosts(options.registries)
  const certificatesDirectory = options.certificatesDirectory ?? defaultCertificates
  const connections = openConnections({
    trust: openTrust({ hosts, certificatesDirectory, env }),
    proxyFor: proxyDecision(env),
    connectTimeoutMs: tuning.connectTimeoutMs ?? 30_000,
    headersTimeoutMs: tuning.headersTimeoutMs ?? 30_000,
    bodyTimeoutMs: tuning.bodyTimeoutMs ?? 30_000,
  })
  const live = liveRequests(closedError)
  const schemes = new Map<string, Scheme>()

  const contextWith = (authorizer: Pick<AuthorizerOptions, 'credentials' | 'login'>): ExchangeContext => ({
    connections,
    schemes,
    authorizer: openAuthorizer({
      connections,
      tokenServers: (host) => hosts.options(host).tokenServers ?? [],
      ...authorizer,
    }),
    unauthorized: (response, request) => failure(response, nameOf(request), actionOf(request)),
  })
  const context = contextWith({ credentials })
  const anonymous: ExchangeContext = { ...context, authorizer: noAuthorizer }
  const fromMirror = openMirrors(context, tuning.mirrorRestMs ?? 30_000)

  const persistently = (asked: EndpointRequest, using: ExchangeContext) => {
    const { method, body, repeatable } = asked.request
    const isRepeatable = repeatable ?? (method === 'GET' || method === 'HEAD' || Buffer.isBuffer(body))
    const retry = { attempts, firstDelayMs, maxRetryAfterMs, isRepeatable, signal: asked.signal }
    return retrying(() => exchange(using, asked), retry)
  }

  const answer = async (request: RegistryRequest, signal: AbortSignal, secrets: Set<string>) => {
    const endpoints = await hosts.endpoints(request.registry, request.mirrored === true)
    const own = endpoints.at(-1) as Endpoint
    if (!request.path.startsWith('/')) {
      const url = wholeUrl(request.path, own)
      const endpoint = endpoints.find((one) => originsOf(one).includes(url.origin))
      if (endpoint) return persistently({ request, endpoint, url, signal, secrets }, context)
      const foreign = { ...own, host: url.host, isMirror: false }
      return persistently({ request, endpoint: foreign, url, signal, secrets }, anonymous)
    }
    for (const endpoint of endpoints.slice(0, -1)) {
      const response = await fromMirror({ request, endpoint, url: undefined, signal, secrets })
      if (response) return response
    }
    return persistently({ request, endpoint: own, url: undefined, signal, secrets }, context)
  }

  return {
    async request(request) {
      const { signal, end } = live.begin(request.signal)
      const secrets = new Set(request.auth ? secretsOf(request.auth) : [])
      try {
        const response = await answer(request, signal, secrets)
        if (response.status < 400 && hasBody(request.method, response.status)) response.body.once('close', end)
        else end()
        return response
      } catch (error) {
        end()
        signal.throwIfAborted()
        throw withoutSecrets(error, secrets)
      }
    },
    async verify(registry, auth, userSignal) {
      const { signal, end } = live.begin(userSignal)
      const secrets = new Set(secretsOf(auth))
      try {
        const [endpoint] = (await hosts.endpoints(registry, false)) as [Endpoint]
        return await verifyLogin(endpoint, auth, signal, secrets, (asked, login, unauthorized) => {
          const credentials = { lookup: async () => auth, forget: () => {} }
          return persistently(asked, { ...contextWith({ credentials, login }), unauthorized })
        })
      } catch (error) {
        signal.throwIfAborted()
        throw withoutSecrets(error, secrets)
      } finally {
        end()
      }
    },
    async close() {
      live.close()
      await connections.close()
    },
  }
}
