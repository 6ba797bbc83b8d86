import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Whom the registry lets in. Without username, anybody gets a token. */
export interface AuthOptions {
  readonly kind: 'basic' | 'token'
  readonly username?: string
  readonly password?: string
  /** A token serves so many requests, then it has expired. Default: no end. */
  readonly usesPerToken?: number
  /** What the token server says of a token's life, in seconds. Default: 300. */
  readonly expiresIn?: number
  /** Repositories that nobody is given access to. */
  readonly denied?: readonly string[]
}

interface Token {
  readonly scopes: readonly string[]
  uses: number
}

/** The token server of a registry, and what it checks of a request. */
export class Tokens {
  readonly #options: AuthOptions
  readonly #tokens = new Map<string, Token>()
  /** Tokens that were given out. */
  issued = 0

  constructor(options: AuthOptions) {
    this.#options = options
  }

  /** An answer of the token server; undefined: wrong credentials. */
  issue(request: IncomingMessage, url: URL): string | undefined {
    const { username, expiresIn = 300, denied = [] } = this.#options
    if (username !== undefined && !this.#isUser(request)) return undefined
    const wanted = url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    const token = randomBytes(16).toString('hex')
    this.#tokens.set(token, {
      scopes: wanted.filter((scope) => !denied.includes(scope.split(':')[1] ?? '')),
      uses: 0,
    })
    this.issued++
    return JSON.stringify({ token, access_token: token, expires_in: expiresIn, issued_at: new Date().toISOString() })
  }

  /** The `WWW-Authenticate` of a request that is not let in; undefined when it is. */
  challenge(request: IncomingMessage, origin: string, scope: string | undefined): string | undefined {
    if (this.#options.kind === 'basic') return this.#isUser(request) ? undefined : 'Basic realm="scripted"'
    const token = this.#tokens.get(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '')
    const challenge = `Bearer realm="${origin}/token",service="scripted"`
    const scoped = scope === undefined ? challenge : `${challenge},scope="${scope}"`
    if (!token) return scoped
    if (++token.uses > (this.#options.usesPerToken ?? Number.POSITIVE_INFINITY))
      return `${scoped},error="invalid_token"`
    return scope === undefined || covers(token.scopes, scope) ? undefined : `${scoped},error="insufficient_scope"`
  }

  #isUser(request: IncomingMessage): boolean {
    const { username, password } = this.#options
    const given = Buffer.from(`${username}:${password}`).toString('base64')
    return request.headers.authorization === `Basic ${given}`
  }
}

function covers(scopes: readonly string[], wanted: string): boolean {
  const at = wanted.lastIndexOf(':')
  const resource = wanted.slice(0, at)
  const granted = new Set(
    scopes.filter((scope) => scope.slice(0, scope.lastIndexOf(':')) === resource).flatMap((scope) => actions(scope)),
  )
  return actions(wanted).every((action) => granted.has(action))
}

const actions = (scope: string) => scope.slice(scope.lastIndexOf(':') + 1).split(',')
