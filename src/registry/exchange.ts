import { Readable } from 'node:stream'
import { AuthError, type InboardError } from '../errors/index.js'
import type { AuthorizedRequest, Authorizer } from './auth/authorizer.js'
import { redact } from './auth/secrets.js'
import { readWhole } from './bounded.js'
import type { Connections } from './connections.js'
import { failure } from './failures.js'
import type { Endpoint, Scheme } from './hosts/hosts.js'
import { follow } from './redirects.js'
import { actionOf, nameOf } from './request-words.js'
import { ExchangeFailure, retryAfterMs } from './retry.js'
import type { RegistryRequest, RegistryResponse } from './transport.js'

/** A request to one endpoint. */
export interface EndpointRequest {
  readonly request: RegistryRequest
  readonly endpoint: Endpoint
  /** The whole URL, where the registry gave one. */
  readonly url: URL | undefined
  readonly signal: AbortSignal
  readonly secrets: Set<string>
}

export interface ExchangeContext {
  readonly connections: Connections
  readonly authorizer: Authorizer
  /** By host, how it has answered. */
  readonly schemes: Map<string, Scheme>
  /** The error for a 401 that nothing helps against. */
  readonly unauthorized: (response: RegistryResponse, request: RegistryRequest) => Promise<InboardError>
}

const maxErrorBytes = 64 * 1024

/**
 * Sends a request over HTTPS, or over plain HTTP where that is allowed and HTTPS does not answer.
 *
 * @returns any answer below 500 but 401 and 429
 * @throws {ExchangeFailure} for what may pass
 */
export async function exchange(context: ExchangeContext, asked: EndpointRequest): Promise<RegistryResponse> {
  const { endpoint, url } = asked
  const known = endpoint.schemes.find((scheme) => scheme === context.schemes.get(endpoint.host))
  const schemes = url ? [url.protocol.slice(0, -1) as Scheme] : known ? [known] : endpoint.schemes
  for (const [index, scheme] of schemes.entries()) {
    try {
      return await authenticated(context, asked, scheme)
    } catch (error) {
      const isUnreached =
        error instanceof ExchangeFailure && error.isUnsent && context.schemes.get(endpoint.host) !== scheme
      if (!isUnreached || index === schemes.length - 1) throw error
    }
  }
  throw new RangeError('an endpoint has a scheme')
}

/** Sends it with the credentials that are asked for; once more when they are refused, and others can be had. */
async function authenticated(
  context: ExchangeContext,
  asked: EndpointRequest,
  scheme: Scheme,
): Promise<RegistryResponse> {
  const { authorizer, connections, schemes } = context
  const { request, endpoint, signal, secrets } = asked
  const { scopes, auth } = request
  const url = asked.url ?? new URL(`${scheme}://${endpoint.host}${endpoint.prefix}${request.path}`)
  const { origin } = url
  const authorized: AuthorizedRequest = { endpoint, origin, scopes, auth, signal, secrets, withheld: new Set() }
  const send: Connections['send'] = async (one) => {
    const response = await connections.send(one)
    if (one.url.origin === origin && !asked.url) schemes.set(endpoint.host, scheme)
    return response
  }
  const { method, headers = {}, body } = request
  let authorization = await authorizer.authorization(authorized)
  for (let isRenewed = false; ; isRenewed = true) {
    const policy = { authorization, isInsecure: endpoint.isInsecure }
    const response = await follow({ send }, { method, url, headers, body, signal }, policy)
    const answer = response.status < 400 ? response : await withReadBody(response, secrets)
    if (answer.status === 429 || answer.status >= 500) throw await passing(answer, request)
    if (answer.status !== 401) return answer
    // Whoever was redirected to gets no credentials, whatever it asks for.
    const isOwn = new URL(response.url).origin === origin
    const next =
      isOwn && !isRenewed
        ? await authorizer.answer(authorized, answer.headers['www-authenticate'], authorization)
        : undefined
    if (next === undefined) {
      authorizer.forget(authorized)
      throw mentioning(await context.unauthorized(answer, request), authorized)
    }
    authorization = next
  }
}

/** A refusal with its body read, without the secrets that it may echo. */
async function withReadBody(response: RegistryResponse, secrets: ReadonlySet<string>): Promise<RegistryResponse> {
  const bytes = await readWhole(response.body, maxErrorBytes, 'cut').catch(() => Buffer.alloc(0))
  const body = Buffer.from(redact(bytes.toString('utf8'), secrets))
  return { ...response, body: Readable.from([body], { objectMode: false }), url: redact(response.url, secrets) }
}

async function passing(response: RegistryResponse, request: RegistryRequest): Promise<ExchangeFailure> {
  const error = await failure(response, nameOf(request), actionOf(request))
  const after = retryAfterMs(response.headers['retry-after'])
  return new ExchangeFailure(error, { mayPass: true, isUnsent: false, retryAfterMs: after })
}

function mentioning(error: InboardError, { withheld, endpoint }: AuthorizedRequest): InboardError {
  if (withheld.size === 0) return error
  const servers = [...withheld].join(', ')
  const hint = `registries['${endpoint.host}'].tokenServers allows it`
  return new AuthError(
    `${error.message}; the credentials were not sent to the token server ${servers}, which is of another domain: ${hint}`,
    { code: 'UNAUTHORIZED', details: { ...error.details, withheld: [...withheld], hint } },
  )
}
