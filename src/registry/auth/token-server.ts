import { AuthError, RegistryError } from '../../errors/index.js'
import { readWhole } from '../bounded.js'
import type { Connections, Exchange } from '../connections.js'
import { parseErrors, parseObject, textOf } from '../failures.js'
import { follow } from '../redirects.js'
import { ExchangeFailure, retryAfterMs } from '../retry.js'
import type { RegistryResponse } from '../transport.js'
import type { RegistryAuth } from '../types.js'
import { basic } from './secrets.js'

export interface TokenRequest {
  readonly realm: URL
  readonly service: string | undefined
  readonly scopes: readonly string[]
  /** Undefined: an anonymous token. */
  readonly auth: RegistryAuth | undefined
  /** Asks for an identity token too, to be stored in place of the password. */
  readonly wantsIdentityToken?: boolean
  readonly isInsecure: boolean
  /** The registry's host, for errors. */
  readonly host: string
}

export interface Token {
  readonly token: string
  readonly lifetimeMs: number
  readonly identityToken: string | undefined
}

const clientId = 'inboard'
const maxTokenBytes = 1024 * 1024
const defaultLifetimeS = 60

/**
 * Gets a token: with an identity token by OAuth2, else with user name and password, or anonymously.
 *
 * @throws {AuthError} UNAUTHORIZED, ACCESS_DENIED; {RegistryError} REGISTRY_INVALID; {ExchangeFailure} for what may pass
 * @see https://distribution.github.io/distribution/spec/auth/token/ and oauth/ beside it
 */
export async function requestToken(
  connections: Pick<Connections, 'send'>,
  request: TokenRequest,
  signal: AbortSignal,
): Promise<Token> {
  const response = await send(connections, request, signal)
  const text = (await readAnswer(response, request.realm)).toString('utf8')
  if (response.status !== 200) throw refusal(request, response, text)
  return parseToken(request, text)
}

async function send(
  connections: Pick<Connections, 'send'>,
  request: TokenRequest,
  signal: AbortSignal,
): Promise<RegistryResponse> {
  const { auth, isInsecure } = request
  const { username, password = '', identityToken } = auth ?? {}
  const authorization = username === undefined ? undefined : `Basic ${basic(username, password)}`
  try {
    // An identity token is in the body, and would go wherever a redirect leads.
    return identityToken
      ? await connections.send(refresh(request, identityToken, signal))
      : await follow(connections, get(request, signal), { authorization, isInsecure })
  } catch (error) {
    // The registry itself was not asked for anything yet.
    throw error instanceof ExchangeFailure
      ? new ExchangeFailure(error.failure, { mayPass: error.mayPass, isUnsent: true })
      : error
  }
}

function get({ realm, service, scopes, auth, wantsIdentityToken }: TokenRequest, signal: AbortSignal): Exchange {
  const url = new URL(realm)
  if (service) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  if (auth?.username) url.searchParams.set('account', auth.username)
  if (wantsIdentityToken) url.searchParams.set('offline_token', 'true')
  url.searchParams.set('client_id', clientId)
  return { method: 'GET', url, headers: { accept: 'application/json' }, signal }
}

function refresh({ realm, service, scopes }: TokenRequest, identityToken: string, signal: AbortSignal): Exchange {
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: identityToken })
  if (service) form.set('service', service)
  if (scopes.length > 0) form.set('scope', scopes.join(' '))
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', url: realm, headers, body: Buffer.from(form.toString()), signal }
}

async function readAnswer({ body }: RegistryResponse, realm: URL): Promise<Buffer> {
  try {
    return await readWhole(body, maxTokenBytes)
  } catch (cause) {
    if (cause instanceof RegistryError) throw cause
    const error = new RegistryError(`the token server ${realm.origin} broke off its answer`, {
      code: 'REGISTRY_UNAVAILABLE',
      cause,
    })
    throw new ExchangeFailure(error, { mayPass: true, isUnsent: true })
  }
}

function refusal({ host, realm }: TokenRequest, { status, headers }: RegistryResponse, text: string): Error {
  const errors = parseErrors(text)
  const document = parseObject(text) ?? {}
  const said =
    errors[0]?.message ??
    ([document.details, document.error_description, document.message, document.error].map(textOf).find((t) => t) ||
      `HTTP ${status}`)
  const details = { status, errors, host, tokenServer: realm.origin }
  if (status === 429 || status >= 500) {
    const code = status === 429 ? 'REGISTRY_RATE_LIMITED' : 'REGISTRY_UNAVAILABLE'
    const error = new RegistryError(`the token server of ${host} gives no token now: ${said}`, { code, details })
    const after = retryAfterMs(headers['retry-after'])
    return new ExchangeFailure(error, { mayPass: true, isUnsent: true, retryAfterMs: after })
  }
  if (status === 403) return new AuthError(`${host}: denied: ${said}`, { code: 'ACCESS_DENIED', details })
  const isRefused = status === 401 || status === 400
  if (isRefused) return new AuthError(`${host}: unauthorized: ${said}`, { code: 'UNAUTHORIZED', details })
  return new RegistryError(`the token server of ${host} gives no token: ${said}`, { code: 'REGISTRY_FAILED', details })
}

function parseToken({ host, realm }: TokenRequest, text: string): Token {
  const document = parseObject(text) ?? {}
  const token = [document.token, document.access_token].find((value) => typeof value === 'string' && value !== '')
  // It becomes part of a header.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new RegistryError(`the token server of ${host} answers without a token`, {
      code: 'REGISTRY_INVALID',
      details: { host, tokenServer: realm.origin },
    })
  }
  const { expires_in: seconds, refresh_token: identityToken } = document
  const lifetimeS = typeof seconds === 'number' && seconds > 0 ? seconds : defaultLifetimeS
  return {
    token,
    lifetimeMs: lifetimeS * 1000,
    identityToken: typeof identityToken === 'string' && identityToken !== '' ? identityToken : undefined,
  }
}
