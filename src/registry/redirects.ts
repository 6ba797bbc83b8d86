import { RegistryError } from '../errors/index.js'
import { readWhole } from './bounded.js'
import type { Connections, Exchange } from './connections.js'
import { withoutQuery } from './failures.js'
import type { RegistryResponse } from './transport.js'

export interface RedirectPolicy {
  /** Sent to the first URL's origin as long as no redirect has left it; never again after that. */
  readonly authorization: string | undefined
  /** Whether one may lead from HTTPS to plain HTTP. */
  readonly isInsecure: boolean
}

const maxRedirects = 10
const maxIgnoredBytes = 64 * 1024

/**
 * Sends a request, and follows redirects: any of GET and HEAD, those that keep method and body (307, 308) of others.
 *
 * @throws {RegistryError} `REGISTRY_INVALID` for a redirect that is not followed
 */
export async function follow(
  connections: Pick<Connections, 'send'>,
  exchange: Exchange,
  { authorization, isInsecure }: RedirectPolicy,
): Promise<RegistryResponse> {
  let { url } = exchange
  let credentials = authorization
  for (let redirects = 0; ; redirects++) {
    const headers = { ...exchange.headers, ...(credentials && { authorization: credentials }) }
    const response = await connections.send({ ...exchange, url, headers })
    const location = response.headers.location
    if (location === undefined || !isFollowed(response.status, exchange.method)) return response
    // Read to its end, the connection can be used again.
    await readWhole(response.body, maxIgnoredBytes, 'cut').catch(() => {})
    if (redirects === maxRedirects) throw refused(url, `it redirects more than ${maxRedirects} times`)
    const next = targetOf(location, url)
    if (url.protocol === 'https:' && next.protocol === 'http:' && !isInsecure)
      throw refused(url, `it redirects to plain HTTP: ${withoutQuery(next.href)}`)
    if (next.origin !== url.origin) credentials = undefined
    url = next
  }
}

function isFollowed(status: number, method: Exchange['method']): boolean {
  if (method === 'GET' || method === 'HEAD') return [301, 302, 303, 307, 308].includes(status)
  return status === 307 || status === 308
}

function targetOf(location: string, base: URL): URL {
  // No cause: the TypeError of URL has the whole text.
  const target = URL.canParse(location, base.href) ? new URL(location, base.href) : undefined
  if (!target) throw refused(base, 'it redirects to what is not a URL')
  if (!/^https?:$/.test(target.protocol)) throw refused(base, `it redirects to ${target.protocol}`)
  if (target.username || target.password) throw refused(base, 'it redirects to a URL with credentials')
  target.hash = ''
  return target
}

function refused(url: URL, why: string): RegistryError {
  return new RegistryError(`${url.origin} is not followed: ${why}`, {
    code: 'REGISTRY_INVALID',
    details: { url: withoutQuery(url.href) },
  })
}
