import { InboardError, InvalidStateError, RegistryError } from '../errors/index.js'
import { textOf, withoutQuery } from './failures.js'
import { ExchangeFailure } from './retry.js'

/** What may be over when the same is tried again. */
const transientCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/** Other failures of a connection, by the beginnings of their codes. */
const lastingCodes =
  /^(E[A-Z]+$|ERR_SSL_|ERR_TLS_|UND_ERR_|HPE_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|ERROR_IN_|INVALID_)/

const closedCodes: ReadonlySet<string> = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED'])

/** The failure of an exchange, as an error to throw. What does not come from the connection is returned as it is. */
export function connectionError(error: unknown, url: URL, isUnsent: boolean): unknown {
  if (error instanceof InboardError || !(error instanceof Error)) return error
  const code = String((error as NodeJS.ErrnoException).code ?? '')
  if (closedCodes.has(code)) return closedError()
  if (isNotHttp(error, code)) return invalid(error, url, code)
  if (!isUnsent && !lastingCodes.test(code)) return error
  return new ExchangeFailure(unavailable(error, url, code), { mayPass: transientCodes.has(code), isUnsent })
}

/** undici's parser has a code for some of what it does not understand. */
function isNotHttp({ name }: Error, code: string): boolean {
  return name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'UND_ERR_RESPONSE_EXCEEDED'
}

/** What a TLS client sees of a server that speaks plain HTTP: a reason to try that, where it is allowed. */
function isProtocolMismatch(code: string): boolean {
  return code === 'EPROTO' || code.startsWith('ERR_SSL_')
}

function unavailable(cause: Error, url: URL, code: string): RegistryError {
  const hint = hintOf(code, url.host)
  return new RegistryError(`cannot reach ${url.origin}: ${reasonOf(cause)}${hint ? `; ${hint}` : ''}`, {
    code: 'REGISTRY_UNAVAILABLE',
    // A certificate's names are its server's, and may have anything in them.
    ...(code !== 'ERR_TLS_CERT_ALTNAME_INVALID' && { cause }),
    details: { url: withoutQuery(url.href), errno: code, ...(hint && { hint }) },
  })
}

function reasonOf(cause: Error): string {
  const all = (cause instanceof AggregateError ? cause.errors : [cause]).map(messageOf)
  return textOf(all.filter((message) => message !== '').join('; ')) || String((cause as NodeJS.ErrnoException).code)
}

/** What OpenSSL says is between where in its source it says so. */
function messageOf({ code = '', reason, message }: NodeJS.ErrnoException & { readonly reason?: unknown }): string {
  return isProtocolMismatch(code) && typeof reason === 'string' ? reason : message
}

function hintOf(code: string, host: string): string | undefined {
  if (code === 'ENOTFOUND') return 'no such host is known: is its name right?'
  if (code === 'ECONNREFUSED') return 'nothing listens there: are host and port right, and does it run?'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'its certificate is not valid now'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name'
  if (/CERT|SIGNED|SIGNATURE|ISSUER/.test(code))
    return `trust its authority by registries['${host}'].ca or certs.d/${host}/ca.crt`
  if (isProtocolMismatch(code)) return `if it speaks plain HTTP, allow that by registries['${host}'].insecure`
  return undefined
}

function invalid(cause: Error, url: URL, code: string): RegistryError {
  return new RegistryError(`${url.origin} does not speak HTTP as it should: ${cause.message}`, {
    code: 'REGISTRY_INVALID',
    cause,
    details: { url: withoutQuery(url.href), errno: code },
  })
}

export function tooManyInterim(url: URL): RegistryError {
  return new RegistryError(`${url.origin} says again and again that it will answer, and does not`, {
    code: 'REGISTRY_INVALID',
    details: { url: withoutQuery(url.href) },
  })
}

export function closedError(): InvalidStateError {
  return new InvalidStateError('the connections to the registries are closed', { code: 'ENGINE_CLOSED' })
}
