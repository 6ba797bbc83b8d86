import { invalidArchive, shown } from './invalid.js'

const maxDepth = 64

export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Parses a document that nobody trusts. Its size is bounded by whoever read it, its depth here.
 *
 * @param what names the document in the error
 * @throws {InvalidOptionError} `INVALID_ARCHIVE`
 */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  verifyDepth(bytes, what)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // No cause: a SyntaxError quotes the text.
    throw invalidArchive(`${what} is not valid JSON`, { document: what })
  }
}

export function parseObject(bytes: Uint8Array, what: string): JsonObject {
  return asObject(parseJson(bytes, what), what)
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw wrongType(value, what, 'an object')
}

export function asArray(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw wrongType(value, what, 'an array')
}

export function asString(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw wrongType(value, what, 'a string')
}

/** Missing and null are undefined, as Go reads them. */
export function optional<T>(value: unknown, what: string, as: (value: unknown, what: string) => T): T | undefined {
  return value === undefined || value === null ? undefined : as(value, what)
}

export function asStrings(value: unknown, what: string): readonly string[] {
  return asArray(value, what).map((item) => asString(item, what))
}

export function asStringMap(value: unknown, what: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(asObject(value, what)).map(([key, item]) => [key, asString(item, what)]))
}

export function asCount(value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw wrongType(value, what, 'a whole number')
}

function wrongType(value: unknown, what: string, expected: string): Error {
  return invalidArchive(`${what} must be ${expected}, not ${shown(value)}`, { document: what })
}

const quote = 0x22
const backslash = 0x5c
const openers = new Set([0x5b, 0x7b])
const closers = new Set([0x5d, 0x7d])

function verifyDepth(bytes: Uint8Array, what: string): void {
  let depth = 0
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (inString) {
      if (byte === backslash) at++
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (openers.has(byte)) depth++
    else if (closers.has(byte)) depth--
    if (depth > maxDepth) throw invalidArchive(`${what} is nested more than ${maxDepth} deep`, { document: what })
  }
}
