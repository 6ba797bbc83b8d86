import { createHash } from 'node:crypto'
import type { Digest } from '../content/digest.js'
import { DigestMismatchError, RegistryError } from '../errors/index.js'
import { quoted } from '../errors/printable.js'

const pattern = /^sha256:[a-f0-9]{64}$/

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && pattern.test(text)
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest
}

/** The digest of a header; undefined when there is none. */
export function headerDigest(value: string | undefined, what: string): Digest | undefined {
  if (value === undefined || isDigest(value)) return value
  throw invalidAnswer(`the registry gives ${what} the digest ${quoted(value)}, which is none`, what)
}

/** What a registry sent breaks the specification, or a limit. */
export function invalidAnswer(message: string, name: string, details: Record<string, unknown> = {}): RegistryError {
  return new RegistryError(message, { code: 'REGISTRY_INVALID', details: { name, ...details } })
}

/** The bytes of a blob or manifest are not those that were announced. */
export function mismatch(
  name: string,
  what: 'digest' | 'size',
  expected: string | number,
  actual: string | number,
): DigestMismatchError {
  return new DigestMismatchError(
    `${name} has the ${what} ${actual} at the registry, but ${expected} was announced: it is corrupt, or not what it says`,
    { code: 'DIGEST_MISMATCH', details: { name, what, expected, actual } },
  )
}
