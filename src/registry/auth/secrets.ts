import { inspect } from 'node:util'
import { InboardError } from '../../errors/index.js'
import type { RegistryAuth } from '../types.js'

const mark = '[redacted]'

/** What of credentials must never be seen, in every way in which it is sent. */
export function secretsOf({ username = '', password, identityToken, registryToken }: RegistryAuth): string[] {
  const secrets = [password, identityToken, registryToken].filter((secret) => secret !== undefined && secret !== '')
  return secrets.flatMap((secret) => formsOf(secret as string)).concat(password ? [basic(username, password)] : [])
}

/** The credentials of a Basic header. */
export function basic(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64')
}

/** A secret as it is, in JSON, in a URL and in a form. */
export function formsOf(secret: string): string[] {
  const encoded = encodeURIComponent(secret)
  return [...new Set([secret, JSON.stringify(secret).slice(1, -1), encoded, encoded.replaceAll('%20', '+')])]
}

export function redact(text: string, secrets: Iterable<string>): string {
  // The longest first: one may be part of another.
  const ordered = [...secrets].filter((secret) => secret !== '').sort((a, b) => b.length - a.length)
  return ordered.reduce((rest, secret) => rest.replaceAll(secret, mark), text)
}

/** The error itself when it shows none of the secrets; else one of its kind that does not. */
export function withoutSecrets(error: unknown, secrets: ReadonlySet<string>): unknown {
  if (secrets.size === 0 || !(error instanceof Error)) return error
  const shown = inspect(error, { depth: 10, maxStringLength: null, maxArrayLength: null })
  if (redact(shown, secrets) === shown) return error
  if (!(error instanceof InboardError)) return new Error(redact(error.message, secrets))
  const Class = error.constructor as new (...parameters: ConstructorParameters<typeof InboardError>) => InboardError
  return new Class(redact(error.message, secrets), {
    code: error.code,
    details: redactDeep(error.details, secrets) as Record<string, unknown>,
    ...(error.cause !== undefined && { cause: withoutSecrets(error.cause, secrets) }),
  })
}

function redactDeep(value: unknown, secrets: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return redact(value, secrets)
  if (Array.isArray(value)) return value.map((item) => redactDeep(item, secrets))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [redact(key, secrets), redactDeep(item, secrets)]),
  )
}
