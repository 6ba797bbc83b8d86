import { STATUS_CODES } from 'node:http'
import { AuthError, type InboardError, RegistryError } from '../../errors/index.js'
import { readWhole } from '../bounded.js'
import type { EndpointRequest, ExchangeContext } from '../exchange.js'
import { parseErrors, withoutQuery } from '../failures.js'
import type { Endpoint } from '../hosts/hosts.js'
import type { RegistryRequest, RegistryResponse } from '../transport.js'
import type { RegistryAuth } from '../types.js'
import type { LoginOf } from './authorizer.js'
import { formsOf } from './secrets.js'

/** Sends a request with nothing but the credentials that are to be verified. */
export type Ask = (
  asked: EndpointRequest,
  login: LoginOf,
  unauthorized: ExchangeContext['unauthorized'],
) => Promise<RegistryResponse>

/**
 * Asks `/v2/` with the credentials, and with a token for them where the registry wants one. A registry that asks for no
 * credentials takes any, as in Docker.
 *
 * @returns what is to be stored
 */
export async function verifyLogin(
  endpoint: Endpoint,
  auth: RegistryAuth,
  signal: AbortSignal,
  secrets: Set<string>,
  ask: Ask,
): Promise<RegistryAuth> {
  let identityToken = auth.identityToken
  const onIdentityToken = (token: string) => {
    identityToken = token
    for (const form of formsOf(token)) secrets.add(form)
  }
  const request: RegistryRequest = { registry: endpoint.registry, method: 'GET', path: '/v2/', scopes: [], auth }
  const response = await ask({ request, endpoint, url: undefined, signal, secrets }, { onIdentityToken }, refusal)
  if (response.status >= 300) throw await refusal(response)
  response.body.destroy()
  if (identityToken === undefined) return auth
  return { ...(auth.username !== undefined && { username: auth.username }), identityToken }
}

async function refusal({ status, url, body }: RegistryResponse): Promise<InboardError> {
  const errors = parseErrors((await readWhole(body, 64 * 1024, 'cut')).toString('utf8'))
  const said = errors[0]?.message
  const meaning = `${status} ${STATUS_CODES[status] ?? ''}`.trim()
  const message = `login attempt to ${withoutQuery(url)} failed with status: ${meaning}${said ? `: ${said}` : ''}`
  const details = { status, errors, url: withoutQuery(url) }
  if (status === 403) return new AuthError(message, { code: 'ACCESS_DENIED', details })
  if (status === 401) return new AuthError(message, { code: 'UNAUTHORIZED', details })
  return new RegistryError(message, { code: 'REGISTRY_FAILED', details })
}
