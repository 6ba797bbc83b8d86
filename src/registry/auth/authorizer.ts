import { createHash } from 'node:crypto'
import { AuthError } from '../../errors/index.js'
import type { Connections } from '../connections.js'
import type { Endpoint } from '../hosts/hosts.js'
import type { RegistryAuth } from '../types.js'
import { type Challenge, parseChallenges } from './challenge.js'
import type { Credentials } from './credentials.js'
import { isTrustedRealm, parseRealm } from './realm.js'
import { basic, formsOf, secretsOf } from './secrets.js'
import { openTokenCache } from './token-cache.js'
import { requestToken } from './token-server.js'

/** A request that is to be authorized. */
export interface AuthorizedRequest {
  readonly endpoint: Endpoint
  /** `https://reg.local:5000` */
  readonly origin: string
  readonly scopes: readonly string[]
  /** In place of what is stored. */
  readonly auth: RegistryAuth | undefined
  readonly signal: AbortSignal
  /** Gets whatever must not be told. */
  readonly secrets: Set<string>
  /** Token servers that the credentials were not sent to. */
  readonly withheld: Set<string>
}

/** The `Authorization` of requests, by what the registries have asked for so far. */
export interface Authorizer {
  /** Undefined as long as nothing was asked for. */
  authorization(request: AuthorizedRequest): Promise<string | undefined>
  /**
   * What to send after a 401; undefined when there is nothing else to send.
   *
   * @param challenge the `WWW-Authenticate`
   * @param refused what was sent
   */
  answer(
    request: AuthorizedRequest,
    challenge: string | undefined,
    refused: string | undefined,
  ): Promise<string | undefined>
  /** Nothing helped: the next request is to look for credentials anew. */
  forget(request: AuthorizedRequest): void
}

export interface AuthorizerOptions {
  readonly connections: Pick<Connections, 'send'>
  readonly credentials: Pick<Credentials, 'lookup' | 'forget'>
  readonly tokenServers: (host: string) => readonly string[]
  /** The credentials are to be verified: an anonymous token will not do. */
  readonly login?: LoginOf | undefined
}

export interface LoginOf {
  /** Told the identity token that the token server gives for the credentials. */
  readonly onIdentityToken: (identityToken: string) => void
}

export const noAuthorizer: Authorizer = {
  authorization: async () => undefined,
  answer: async () => undefined,
  forget: () => {},
}

const maxKnownOrigins = 1000

export function openAuthorizer({ connections, credentials, tokenServers, login }: AuthorizerOptions): Authorizer {
  const tokens = openTokenCache()
  const challenges = new Map<string, Challenge>()

  const credentialsOf = async ({ endpoint, auth, signal, secrets }: AuthorizedRequest) => {
    // What was given for a registry is not for its mirrors.
    const found = endpoint.isMirror || !auth ? await credentials.lookup(endpoint.registry, signal) : auth
    for (const secret of found ? secretsOf(found) : []) secrets.add(secret)
    return found
  }

  const respond = async (challenge: Challenge, request: AuthorizedRequest, refused?: string) => {
    const auth = await credentialsOf(request)
    if (auth?.registryToken) return `Bearer ${auth.registryToken}`
    if (challenge.scheme === 'basic') return basicHeader(auth)
    return `Bearer ${await tokenFor(challenge, request, auth, refused)}`
  }

  const tokenFor = async (
    { parameters }: Challenge,
    request: AuthorizedRequest,
    auth: RegistryAuth | undefined,
    refused: string | undefined,
  ) => {
    const { endpoint, signal, secrets } = request
    const { host, isInsecure } = endpoint
    const realm = parseRealm(parameters.get('realm') ?? '', host, isInsecure)
    const isTrusted = isTrustedRealm(realm, host, tokenServers(host))
    if (auth && !isTrusted) request.withheld.add(realm.origin)
    if (login && !isTrusted) throw foreignRealm(host, realm)
    const account = isTrusted ? auth : undefined
    const service = parameters.get('service')
    const scopes = [...new Set(request.scopes)].sort()
    const key = JSON.stringify([request.origin, realm.href, service, scopes, account && hashOf(account)])
    if (refused?.startsWith('Bearer ')) tokens.drop(key, refused.slice('Bearer '.length))
    const wanted = { realm, service, scopes, auth: account, isInsecure, host, wantsIdentityToken: login !== undefined }
    const ask = async (stop: AbortSignal) => {
      const answer = await requestToken(connections, wanted, stop)
      if (answer.identityToken) login?.onIdentityToken(answer.identityToken)
      return answer
    }
    const token = await tokens.get(key, ask, signal)
    for (const form of formsOf(token)) secrets.add(form)
    return token
  }

  return {
    async authorization(request) {
      const { auth, endpoint, origin } = request
      const challenge = challenges.get(origin)
      if (challenge) return respond(challenge, request)
      // It is sent as it is, to the registry it was given for, whatever that asks for.
      return auth?.registryToken && !endpoint.isMirror ? respond(asksForBearer, request) : undefined
    },
    async answer(request, header, refused) {
      const challenge = chosen(parseChallenges(header))
      if (!challenge) return undefined
      challenges.delete(request.origin)
      const [oldest] = challenges.keys()
      if (challenges.size >= maxKnownOrigins && oldest !== undefined) challenges.delete(oldest)
      challenges.set(request.origin, challenge)
      // Somebody may have logged in meanwhile.
      if (refused !== undefined) credentials.forget(request.endpoint.registry)
      const next = await respond(challenge, request, refused)
      return next === refused ? undefined : next
    },
    forget: ({ endpoint }) => credentials.forget(endpoint.registry),
  }
}

const asksForBearer: Challenge = { scheme: 'bearer', parameters: new Map() }

/** A registry that offers both has tokens, which say less than a password. */
function chosen(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm')) ??
    challenges.find(({ scheme }) => scheme === 'basic')
  )
}

function basicHeader(auth: RegistryAuth | undefined): string | undefined {
  return auth?.username === undefined ? undefined : `Basic ${basic(auth.username, auth.password ?? '')}`
}

function hashOf(auth: RegistryAuth): string {
  const { username, password, identityToken } = auth
  return createHash('sha256')
    .update(JSON.stringify([username, password, identityToken]))
    .digest('hex')
}

function foreignRealm(host: string, { origin }: URL): AuthError {
  const hint = `registries['${host}'].tokenServers allows it`
  return new AuthError(
    `the credentials for ${host} were not sent to the token server ${origin}, which is of another domain: ${hint}`,
    { code: 'UNAUTHORIZED', details: { host, withheld: [origin], hint } },
  )
}
