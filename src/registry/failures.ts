import { AuthError, type ErrorCode, type InboardError, RegistryError } from '../errors/index.js'
import { printable } from '../errors/printable.js'
import { readWhole } from './bounded.js'
import { retryAfterMs } from './retry.js'
import type { RegistryResponse } from './transport.js'

/** One entry of the distribution specification's error body. */
export interface RegistryErrorEntry {
  readonly code: string
  readonly message: string
  readonly detail?: unknown
}

const maxBodyBytes = 64 * 1024
const maxEntries = 16
const maxTextLength = 1000

/**
 * What a registry's answer beyond 2xx means, as an error to throw. Reads the body, or as much of it as is worth reading.
 *
 * @param what the name that was asked for, as its user knows it: `redis:7`, `reg.local:5000/app@sha256:..`
 * @param action what was done with it; for Docker's words
 */
export async function failure(
  response: RegistryResponse,
  what: string,
  action: 'pull' | 'push' = 'pull',
): Promise<InboardError> {
  const errors = parseErrors(await readStart(response))
  const { status, url } = response
  const code = codeOf(status, errors, url)
  const said = errors[0]
    ? `${errors[0].code.toLowerCase().replaceAll('_', ' ')}: ${errors[0].message}`
    : (unsaid[status] ?? `HTTP ${status}`)
  const message = messageOf(code, said, what, action)
  const hint = loginHelps.has(code) ? { hint: 'engine.login()' } : {}
  const after = retryAfterMs(response.headers['retry-after'])
  const details = {
    status,
    errors,
    url: withoutQuery(url),
    name: what,
    ...hint,
    ...(after > 0 && { retryAfterMs: after }),
  }
  return code === 'UNAUTHORIZED' || code === 'ACCESS_DENIED'
    ? new AuthError(message, { code, details })
    : new RegistryError(message, { code, details })
}

/** No object: a registry may call its error `constructor`. */
const codes: ReadonlyMap<string, ErrorCode> = new Map([
  ['UNAUTHORIZED', 'UNAUTHORIZED'],
  ['DENIED', 'ACCESS_DENIED'],
  ['MANIFEST_UNKNOWN', 'MANIFEST_NOT_FOUND'],
  ['NAME_UNKNOWN', 'MANIFEST_NOT_FOUND'],
  ['NOT_FOUND', 'MANIFEST_NOT_FOUND'],
  ['BLOB_UNKNOWN', 'BLOB_NOT_FOUND'],
  ['TOOMANYREQUESTS', 'REGISTRY_RATE_LIMITED'],
])

/** The registry's own code decides; where it gives none, the status does. */
function codeOf(status: number, errors: readonly RegistryErrorEntry[], url: string): ErrorCode {
  if (status === 429) return 'REGISTRY_RATE_LIMITED'
  if (status >= 500) return 'REGISTRY_UNAVAILABLE'
  const own = errors.map(({ code }) => codes.get(code)).find((code) => code !== undefined)
  const isOfBlob = /\/blobs\/(?!uploads)/.test(url)
  if (own) return own === 'MANIFEST_NOT_FOUND' && isOfBlob ? 'BLOB_NOT_FOUND' : own
  if (status === 401) return 'UNAUTHORIZED'
  if (status === 403) return 'ACCESS_DENIED'
  if (status === 404 && errors.length === 0 && !url.includes('/blobs/uploads/')) {
    return isOfBlob ? 'BLOB_NOT_FOUND' : 'MANIFEST_NOT_FOUND'
  }
  return 'REGISTRY_FAILED'
}

/** What a registry means that says nothing: the specification's words. */
const unsaid: Readonly<Record<number, string>> = {
  401: 'unauthorized: authentication required',
  403: 'denied: requested access to the resource is denied',
}

const loginHelps: ReadonlySet<ErrorCode> = new Set(['UNAUTHORIZED', 'ACCESS_DENIED', 'REGISTRY_RATE_LIMITED'])

function messageOf(code: ErrorCode, said: string, what: string, action: 'pull' | 'push'): string {
  switch (code) {
    case 'UNAUTHORIZED':
    case 'ACCESS_DENIED':
      return `${action} access denied for ${what}, repository does not exist or may require 'docker login': ${said}`
    case 'MANIFEST_NOT_FOUND':
      return said.startsWith('name unknown')
        ? `repository ${what} not found: ${said}`
        : `manifest for ${what} not found: ${said}`
    case 'BLOB_NOT_FOUND':
      return `a blob of ${what} was not found: ${said}`
    case 'REGISTRY_RATE_LIMITED':
      return `the registry limits how often it is asked for ${what}: ${said}; wait, or log in (engine.login()), which raises many a limit`
    case 'REGISTRY_UNAVAILABLE':
      return `the registry cannot ${action} ${what} now: ${said}`
    default:
      return `the registry refused to ${action} ${what}: ${said}`
  }
}

async function readStart({ body }: RegistryResponse): Promise<string> {
  try {
    return (await readWhole(body, maxBodyBytes, 'cut')).toString('utf8')
  } catch {
    // The status says enough when the body breaks off.
    return ''
  }
}

/** The entries of an error body that are what the specification says, in bounds; none of any other document. */
export function parseErrors(text: string): RegistryErrorEntry[] {
  const document = parseObject(text)
  const list = Array.isArray(document?.errors) ? document.errors.slice(0, maxEntries) : []
  return list.filter(isObject).map(({ code, message, detail }) => ({
    code: textOf(code) || 'UNKNOWN',
    message: textOf(message) || textOf(code) || 'no message',
    ...(detail != null && { detail: boundedDetail(detail) }),
  }))
}

/** Undefined for what is not a JSON object. A SyntaxError would quote the text, and with it what must not be told. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(text)
    return isObject(document) ? document : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Text of a registry, to be shown; '' for what is none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? printable(value, maxTextLength) : ''
}

function boundedDetail(detail: unknown): unknown {
  const text = jsonOf(detail)
  if (text.length > maxTextLength) return textOf(text)
  return JSON.parse(text, (_, value) => (typeof value === 'string' ? textOf(value) : value))
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    // What JSON.parse reads may be nested too deep for its counterpart.
    return '"not to be shown"'
  }
}

/** A URL for people: no query, which may hold a signature, and no credentials. */
export function withoutQuery(url: string): string {
  if (!URL.canParse(url)) return ''
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
