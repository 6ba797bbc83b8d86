import { type Digest, isDigest } from '../../content/digest.js'
import { InvalidOptionError } from '../../errors/index.js'

export function invalidCache(message: string): InvalidOptionError {
  return new InvalidOptionError(`the cache cannot be read: ${message}`, {
    code: 'INVALID_ARCHIVE',
    details: { message },
  })
}

export function parseJson(bytes: Uint8Array, maxBytes: number): unknown {
  if (bytes.length > maxBytes) throw invalidCache(`it has ${bytes.length} bytes; ${maxBytes} are allowed`)
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
  } catch {
    throw invalidCache('it is no JSON')
  }
}

export function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalidCache(`${what} is no object`)
}

export function asArray(value: unknown, what: string, maxLength: number): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidCache(`${what} is no list`)
  if (value.length <= maxLength) return value
  throw invalidCache(`${what} has ${value.length} entries; ${maxLength} are allowed`)
}

/** A whole number of these. */
export function asNumber(value: unknown, what: string, least: number, most: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw invalidCache(`${what} is no number from ${least} to ${most}`)
}

export function asText(value: unknown, what: string, maxLength: number): string {
  if (typeof value === 'string' && value.length <= maxLength) return value
  throw invalidCache(`${what} is no text of at most ${maxLength} characters`)
}

export function asDigest(value: unknown, what: string): Digest {
  if (isDigest(value)) return value
  throw invalidCache(`${what} is no sha256 digest`)
}
