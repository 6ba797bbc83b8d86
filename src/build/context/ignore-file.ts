import { decodeName } from '../../layer/index.js'
import { contextInvalid } from './context-errors.js'
import { clean } from './go-path.js'

/** Go's scanner takes no longer lines. */
const maxLineBytes = 64 * 1024

/** As Go's `strings.TrimSpace`: a byte order mark is no blank. */
const blanks = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const outerBlanks = new RegExp(`^${blanks}|${blanks}$`, 'g')

export function trimSpace(text: string): string {
  return text.replace(outerBlanks, '')
}

/**
 * The patterns of a `.dockerignore`, cleaned, in their order; an exception keeps its `!`.
 *
 * @throws {ContextError} CONTEXT_INVALID for a line of more than 64 KiB
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function parseIgnoreFile(content: Buffer): string[] {
  const hasMark = content.subarray(0, 3).toString('hex') === 'efbbbf'
  const text = decodeName(hasMark ? content.subarray(3) : content)
  return text.split('\n').flatMap(parseLine)
}

function parseLine(line: string): string[] {
  if (Buffer.byteLength(line) >= maxLineBytes)
    throw contextInvalid('error reading .dockerignore: a line is longer than 64 KiB', { path: '.dockerignore' })
  // A comment begins where its line does.
  if (line.startsWith('#')) return []
  const pattern = trimSpace(line)
  if (pattern === '') return []
  return [pattern.startsWith('!') ? `!${normalize(trimSpace(pattern.slice(1)))}` : normalize(pattern)]
}

/** A leading slash is the context's root. */
function normalize(pattern: string): string {
  if (pattern === '') return ''
  const cleaned = clean(pattern)
  return cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned
}
