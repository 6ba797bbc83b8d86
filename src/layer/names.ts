import { LayerError } from '../errors/index.js'
import { quoted } from '../errors/printable.js'
import { maxNameBytes } from './tar-entry.js'

/**
 * Names are byte strings to the kernel. As JavaScript strings, bytes that are not UTF-8 are lone surrogates
 * U+DC80..U+DCFF ("surrogateescape", as in `src/host/native.ts`), so that every name survives the round trip.
 */
export function decodeName(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes('\uFFFD')) return text
  return Buffer.from(text, 'utf8').equals(bytes) ? text : decodeEscaping(bytes)
}

/** The bytes of a name that {@link decodeName} made. */
export function encodeName(name: string): Buffer {
  if (!/[\uDC80-\uDCFF]/.test(name)) return Buffer.from(name, 'utf8')
  const parts: Buffer[] = []
  for (const run of name.match(
    /(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]|(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|[^\uDC80-\uDCFF])+/g,
  ) ?? []) {
    const unit = run.charCodeAt(0)
    parts.push(unit >= 0xdc80 && unit <= 0xdcff ? Buffer.of(unit - 0xdc00) : Buffer.from(run, 'utf8'))
  }
  return Buffer.concat(parts)
}

function decodeEscaping(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    text += length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] as number)) : bytes.toString('utf8', at, at + length)
    at += length || 1
  }
  return text
}

/** The length of the valid UTF-8 sequence at `at`; 0 when there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const lead = bytes[at] as number
  if (lead < 0x80) return 1
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
  const sequence = bytes.subarray(at, at + length)
  return Buffer.from(sequence.toString('utf8'), 'utf8').equals(sequence) && sequence.length === length ? length : 0
}

const needsCleaning = /(?:^|\/)\.{0,2}(?:\/|$)/

/**
 * An archive's name as a path relative to the root: `''` is the root itself. Cleaned lexically as Docker does: `.` and
 * empty components vanish, an absolute name starts at the root, and a relative one that climbs above it is refused.
 */
export function cleanName(name: string): string {
  if (name.includes('\0')) throw invalidName(name, 'holds a NUL byte')
  if (!needsCleaning.test(name)) return name
  const absolute = name.startsWith('/')
  const kept: string[] = []
  for (const component of name.split('/')) {
    if (component === '' || component === '.') continue
    if (component !== '..') kept.push(component)
    else if (kept.pop() === undefined && !absolute) throw escapes(name)
  }
  return kept.join('/')
}

/** A cleaned path as its directory (`''`: the root) and last component. */
export function splitName(path: string): { directory: string; base: string } {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? { directory: '', base: path } : { directory: path.slice(0, slash), base: path.slice(slash + 1) }
}

/** Bounds the depth of a tree that is walked, too. @throws {LayerError} LAYER_INVALID beyond PATH_MAX */
export function checkPathLength(path: string): void {
  if (Buffer.byteLength(path) < maxNameBytes || encodeName(path).length <= maxNameBytes) return
  throw new LayerError(`The path ${quoted(path)} is longer than the kernel takes.`, {
    code: 'LAYER_INVALID',
    details: { path: path.slice(0, 200) },
  })
}

function invalidName(name: string, why: string): LayerError {
  return new LayerError(`The archive entry ${quoted(name)} ${why}.`, {
    code: 'LAYER_INVALID',
    details: { entry: name },
  })
}

function escapes(name: string): LayerError {
  return new LayerError(
    `The archive entry ${quoted(name)} points outside of the root it is extracted to. The archive is malicious or broken.`,
    { code: 'LAYER_ESCAPES', details: { entry: name } },
  )
}
