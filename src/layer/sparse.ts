import { invalidLayer } from './layer-errors.js'
import type { PaxRecord } from './pax.js'
import { number } from './tar-header.js'

/** A run of stored bytes and where it lies in the file. */
export interface Segment {
  readonly offset: number
  readonly length: number
}

/** The segments and real size of an old GNU sparse header ('S'), and whether a continuation block follows. */
export function parseGnuSparse(header: Buffer): { segments: Segment[]; size: number; more: boolean } {
  return { segments: readPairs(header, 386, 4), size: number(header, 483, 12, 'realsize'), more: header[482] !== 0 }
}

export function parseGnuSparseExtension(block: Buffer): { segments: Segment[]; more: boolean } {
  return { segments: readPairs(block, 0, 21), more: block[504] !== 0 }
}

/** The segments that PAX sparse formats 0.0 (numbered pairs) and 0.1 (one list) carry in the records themselves. */
export function parsePaxSparse(records: readonly PaxRecord[]): Segment[] | undefined {
  const list = records.findLast((record) => record.key === 'GNU.sparse.map')
  if (list !== undefined)
    return toSegments(
      list.value
        .toString('latin1')
        .split(',')
        .filter((item) => item !== '')
        .map(decimal),
    )
  const pairs = records.filter(({ key }) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
  const inOrder = pairs.every(
    ({ key }, index) => key === (index % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes'),
  )
  if (!inOrder) throw malformed()
  return pairs.length === 0 ? undefined : toSegments(pairs.map(({ value }) => decimal(value.toString('latin1'))))
}

/**
 * The map that PAX sparse format 1.0 puts before the data: decimal numbers, one a line, padded to a block.
 * Undefined while `data` does not hold the whole map.
 */
export function parseSparseMap(data: Buffer): Segment[] | undefined {
  const lines = data.toString('latin1').split('\n')
  const count = lines.length > 1 ? decimal(lines[0] as string) : undefined
  if (count === undefined || lines.length - 1 < count * 2 + 1) return undefined
  return toSegments(lines.slice(1, count * 2 + 1).map(decimal))
}

/** Segments ascend, do not overlap, stay within the file and are exactly the stored bytes; else LAYER_INVALID. */
export function verifySegments(segments: readonly Segment[], storedBytes: number, size: number): void {
  let end = 0
  let stored = 0
  for (const { offset, length } of segments) {
    if (offset < end || offset + length > size) throw malformed()
    end = offset + length
    stored += length
  }
  if (stored !== storedBytes) throw malformed()
}

export function decimal(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw malformed()
  return value
}

function readPairs(block: Buffer, start: number, count: number): Segment[] {
  const segments: Segment[] = []
  for (let at = start; at < start + count * 24; at += 24) {
    if (block[at] === 0) break
    segments.push({
      offset: number(block, at, 12, 'sparse offset'),
      length: number(block, at + 12, 12, 'sparse length'),
    })
  }
  if (segments.some(({ offset, length }) => offset < 0 || length < 0)) throw malformed()
  return segments
}

function toSegments(numbers: readonly number[]): Segment[] {
  if (numbers.length % 2 !== 0) throw malformed()
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    offset: numbers[index * 2] as number,
    length: numbers[index * 2 + 1] as number,
  }))
}

function malformed(): Error {
  return invalidLayer('The archive has a malformed extended header or sparse map.')
}
