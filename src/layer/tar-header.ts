import { invalidLayer } from './layer-errors.js'
import { decodeName } from './names.js'
import { blockSize, type TarEntry, type Time } from './tar-entry.js'

/** The fields of a header block, before extended headers are applied. */
export interface RawHeader extends Omit<TarEntry, 'kind' | 'mtime' | 'atime' | 'xattrs'> {
  readonly type: string
  readonly mtime: number
  readonly atime?: number
}

/**
 * Reads a header block: V7, POSIX ustar, GNU and star. The checksum is verified; numbers are octal or base-256.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html and tar(5)
 */
export function parseHeader(block: Buffer): RawHeader {
  verifyChecksum(block)
  const format = detectFormat(block)
  const name = text(block, 0, 100)
  const prefix = format === 'ustar' ? text(block, 345, 155) : format === 'star' ? text(block, 345, 131) : ''
  const typeByte = block[156] as number
  const gnuAtime = format === 'gnu' && (block[345] as number) !== 0 ? number(block, 345, 12, 'atime') : undefined
  const starAtime = format === 'star' ? number(block, 476, 12, 'atime') : undefined
  const atime = gnuAtime ?? starAtime
  return {
    type: typeByte === 0 ? '\0' : String.fromCharCode(typeByte),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkname: text(block, 157, 100),
    mode: number(block, 100, 8, 'mode'),
    uid: unsigned(number(block, 108, 8, 'uid'), 'uid'),
    gid: unsigned(number(block, 116, 8, 'gid'), 'gid'),
    size: unsigned(number(block, 124, 12, 'size'), 'size'),
    mtime: number(block, 136, 12, 'mtime'),
    ...(atime === undefined ? {} : { atime }),
    major: format === 'v7' ? 0 : unsigned(number(block, 329, 8, 'devmajor'), 'devmajor'),
    minor: format === 'v7' ? 0 : unsigned(number(block, 337, 8, 'devminor'), 'devminor'),
  }
}

export function isZeroBlock(block: Buffer): boolean {
  return block[0] === 0 && block.equals(zeroBlock)
}

/** An octal or base-256 number at `at`; 0 when the field is blank. */
export function number(block: Buffer, at: number, length: number, field: string): number {
  const first = block[at] as number
  if ((first & 0x80) !== 0) return base256(block, at, length, field)
  const end = at + length
  while (at < end && block[at] === space) at++
  let value = 0
  for (; at < end && isOctal(block[at] as number); at++) value = value * 8 + (block[at] as number) - zero
  while (at < end && block[at] === space) at++
  if (at < end && block[at] !== 0)
    throw invalidLayer(`The archive has a header whose ${field} is not a number.`, { field })
  return value
}

const space = 0x20
const zero = 0x30

function isOctal(byte: number): boolean {
  return (byte & 0xf8) === zero
}

/** Seconds with a fraction, as PAX writes them: `1700000000.123456789`, `-1.5`. */
export function parseTime(value: string): Time {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value)
  if (match === null) throw invalidLayer('The archive has a time that is not a number.', { value: value.slice(0, 100) })
  const seconds = Number(match[2])
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
  if (match[1] === '') return [seconds, nanoseconds]
  return nanoseconds === 0 ? [0 - seconds, 0] : [0 - seconds - 1, 1e9 - nanoseconds]
}

const zeroBlock = Buffer.alloc(blockSize)
const gnuMagic = Buffer.from('ustar  \0')
const ustarMagic = Buffer.from('ustar\0')
const starMagic = Buffer.from('tar\0')

function detectFormat(block: Buffer): 'v7' | 'ustar' | 'gnu' | 'star' {
  if (block.compare(gnuMagic, 0, 8, 257, 265) === 0) return 'gnu'
  if (block.compare(ustarMagic, 0, 6, 257, 263) !== 0) return 'v7'
  return block.compare(starMagic, 0, 4, 508, 512) === 0 ? 'star' : 'ustar'
}

// Ancient tars summed signed bytes; both readings are accepted, as everywhere.
function verifyChecksum(block: Buffer): void {
  const expected = number(block, 148, 8, 'checksum')
  let sum = 256
  let high = 0
  for (let at = 0; at < blockSize; at++) {
    if (at === 148) at = 156
    const byte = block[at] as number
    sum += byte
    high += byte >> 7
  }
  if (expected !== sum && expected !== sum - 256 * high) {
    throw invalidLayer('The archive is corrupt: a header has a wrong checksum, or it is not a tar archive.')
  }
}

function base256(block: Buffer, at: number, length: number, field: string): number {
  const negative = ((block[at] as number) & 0x40) !== 0
  let value = BigInt((block[at] as number) & 0x7f)
  for (let index = at + 1; index < at + length; index++) value = (value << 8n) | BigInt(block[index] as number)
  if (negative) value -= 1n << BigInt(length * 8 - 1)
  const result = Number(value)
  if (!Number.isSafeInteger(result))
    throw invalidLayer(`The archive has a header whose ${field} is out of range.`, { field })
  return result
}

function unsigned(value: number, field: string): number {
  if (value < 0) throw invalidLayer(`The archive has a header whose ${field} is negative.`, { field })
  return value
}

function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at)
  return decodeName(block.subarray(at, end < 0 || end > at + length ? at + length : end))
}
