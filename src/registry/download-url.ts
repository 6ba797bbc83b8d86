import { STATUS_CODES } from 'node:http'
import { InvalidOptionError, NotFoundError, RegistryError } from '../errors/index.js'
import { readWhole } from './bounded.js'
import { connectionError } from './connection-errors.js'
import { type Connections, openConnections } from './connections.js'
import { textOf, withoutQuery } from './failures.js'
import { systemAuthorities } from './hosts/certificates.js'
import { type Environment, proxyDecision } from './hosts/proxies.js'
import type { Trust } from './hosts/trust.js'
import { follow } from './redirects.js'
import { ExchangeFailure, retrying } from './retry.js'
import type { RegistryResponse } from './transport.js'

export interface DownloadOptions {
  /** The most bytes to take; any number by default. */
  readonly maxBytes?: number | undefined
  /** Without a byte for so long, it fails. Default: 30,000. */
  readonly stallTimeoutMs?: number
  /** Where `HTTP_PROXY` and the like are looked up. Default: `process.env`. */
  readonly env?: Environment
  readonly signal?: AbortSignal | undefined
}

const attempts = 3
const firstDelayMs = 250
const maxErrorBytes = 1000

/** What a server answers with. */
export interface Download {
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Ends the connection when it is left. It is to be iterated, or {@link close} called. */
  readonly body: AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/**
 * The bytes behind a URL, as `docker import URL` gets them: any web server's, without a registry's credentials. Follows
 * redirects, but none from HTTPS to plain HTTP; verifies certificates by the host's authorities; takes the proxies of the
 * environment. A user and password in the URL are sent to its host only.
 *
 * @throws {NotFoundError} `FILE_NOT_FOUND`; {RegistryError} `REGISTRY_UNAVAILABLE`, `REGISTRY_FAILED` for an answer that is
 * an error, `REGISTRY_INVALID` for what breaks off, is too long or is redirected too often
 */
export async function* downloadUrl(
  text: string,
  options: DownloadOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { body } = await openDownload(text, options)
  yield* body
}

/** {@link downloadUrl}, with what the server says of it. */
export async function openDownload(
  text: string,
  { maxBytes = Number.POSITIVE_INFINITY, stallTimeoutMs = 30_000, env = process.env, signal }: DownloadOptions = {},
): Promise<Download> {
  const { url, authorization } = parse(text)
  const connections = openConnections({
    trust: systemTrust(env),
    proxyFor: proxyDecision(env),
    connectTimeoutMs: stallTimeoutMs,
    headersTimeoutMs: stallTimeoutMs,
    bodyTimeoutMs: stallTimeoutMs,
  })
  const stop = new AbortController()
  const either = signal ? AbortSignal.any([stop.signal, signal]) : stop.signal
  const close = async () => {
    stop.abort(stopped)
    await connections.close()
  }
  const failed = (error: unknown) => {
    signal?.throwIfAborted()
    const failure = connectionError(error, url, false)
    return failure instanceof ExchangeFailure ? failure.failure : failure
  }
  try {
    const { headers, body } = await request(connections, url, authorization, either)
    if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLong(url, maxBytes)
    return { headers, body: bounded(body as AsyncIterable<Uint8Array>, { url, maxBytes, failed, close }), close }
  } catch (error) {
    await close()
    throw failed(error)
  }
}

interface Bounds {
  readonly url: URL
  readonly maxBytes: number
  readonly failed: (error: unknown) => unknown
  readonly close: () => Promise<void>
}

async function* bounded(body: AsyncIterable<Uint8Array>, { url, maxBytes, failed, close }: Bounds) {
  let size = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > maxBytes) throw tooLong(url, maxBytes)
      yield chunk
    }
  } catch (error) {
    throw failed(error)
  } finally {
    await close()
  }
}

const stopped = new DOMException('The download is over.', 'AbortError')

function parse(text: string): { url: URL; authorization: string | undefined } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    // Not the text itself: it may have credentials.
    throw new InvalidOptionError('what is to be downloaded must have an http or https URL', {
      code: 'INVALID_OPTION',
      details: { url: withoutQuery(text) },
    })
  }
  const credentials = [url.username, url.password].map(decodeURIComponent).join(':')
  Object.assign(url, { username: '', password: '', hash: '' })
  const authorization = credentials === ':' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`
  return { url, authorization }
}

async function request(
  connections: Connections,
  url: URL,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<RegistryResponse> {
  const exchange = { method: 'GET', url, headers: {}, signal } as const
  const response = await retrying(() => follow(connections, exchange, { authorization, isInsecure: false }), {
    attempts,
    firstDelayMs,
    maxRetryAfterMs: 0,
    isRepeatable: true,
    signal,
  })
  if (response.status === 200) return response
  throw await refused(response, url)
}

async function refused({ status, body }: RegistryResponse, url: URL): Promise<Error> {
  const said = textOf(
    (await readWhole(body, maxErrorBytes, 'cut').catch(() => Buffer.alloc(0))).toString('utf8'),
  ).trim()
  const shown = withoutQuery(url.href)
  const message = `failed to GET ${shown} with status ${status} ${STATUS_CODES[status] ?? ''}: ${said}`
  const details = { url: shown, status }
  return status === 404 || status === 410
    ? new NotFoundError(message, { code: 'FILE_NOT_FOUND', details })
    : new RegistryError(message, { code: 'REGISTRY_FAILED', details })
}

function tooLong(url: URL, maxBytes: number): RegistryError {
  const shown = withoutQuery(url.href)
  return new RegistryError(`${shown} has more than the ${maxBytes} bytes that are allowed`, {
    code: 'REGISTRY_INVALID',
    details: { url: shown, maxBytes },
  })
}

function systemTrust(env: Environment): () => Promise<Trust> {
  return async () => {
    const { createSecureContext } = await import('node:tls')
    const ca = systemAuthorities(env)
    const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ...(ca && { ca }) })
    return { key: 'system', tls: { secureContext, rejectUnauthorized: true } as Trust['tls'] }
  }
}
