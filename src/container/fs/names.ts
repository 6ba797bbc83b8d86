import { isUtf8 } from 'node:buffer'
import { InvalidOptionError } from '../../errors/index.js'

// Names of files are bytes. Those that are not UTF-8 are lone surrogates U+DC80 to U+DCFF in text, one a byte, as the addon has them.

/** Where a path's last name is, and that name. */
export interface SplitPath {
  /** `/` for what has no directory before it. */
  readonly directory: string
  /** '', '.' and '..' for what cannot be made, renamed or removed by that name. */
  readonly name: string
  /** It ends with a slash: nothing but a directory is meant. */
  readonly wantsDirectory: boolean
}

/** A path as text. @throws {InvalidOptionError} INVALID_OPTION for what can be none */
export function pathText(path: string | Uint8Array): string {
  const text = path instanceof Uint8Array ? textOf(Buffer.from(path.buffer, path.byteOffset, path.byteLength)) : path
  if (typeof text !== 'string') throw invalid('a path is a string, or bytes')
  if (text.includes('\0')) throw invalid('a path cannot hold a NUL byte')
  if (/(?![\udc80-\udcff])\p{Surrogate}/u.test(text)) throw invalid('a path cannot hold half a character')
  return text
}

const invalid = (message: string) => new InvalidOptionError(message, { code: 'INVALID_OPTION' })

export function splitPath(path: string): SplitPath {
  const trimmed = path.replace(/\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  return {
    directory: trimmed.slice(0, slash + 1) || '/',
    name: trimmed.slice(slash + 1),
    wantsDirectory: trimmed.length < path.length,
  }
}

/** The last name of a path; '/' for the root. */
export const lastName = (path: string): string => splitPath(path).name || '/'

export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    text += length === 0 ? String.fromCharCode(0xdc00 + bytes.readUInt8(at)) : bytes.toString('utf8', at, at + length)
    at += Math.max(length, 1)
  }
  return text
}

/** Of the well-formed UTF-8 sequence there; 0: there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const fits = (length: number) => at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length))
  return [1, 2, 3, 4].find(fits) ?? 0
}

export function bytesOf(text: string): Buffer {
  if (!/\p{Surrogate}/u.test(text)) return Buffer.from(text)
  return Buffer.concat(Array.from(text, characterBytes))
}

function characterBytes(character: string): Buffer {
  const unit = character.charCodeAt(0)
  const isByte = character.length === 1 && unit >= 0xdc80 && unit <= 0xdcff
  return isByte ? Buffer.of(unit - 0xdc00) : Buffer.from(character)
}
