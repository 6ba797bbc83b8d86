import type { Native } from '../host/index.js'
import type { Segment } from './sparse.js'
import { blockSize } from './tar-entry.js'

/** What a sparse file's map may have, so that every reader takes it. */
const maxSegments = 8192
/** Holes that are not worth a segment. */
const smallestHole = 64 * 1024

/**
 * The runs of a file's data, or undefined when it is not worth storing it as a sparse one. However many holes a hostile
 * file has, the smaller ones are taken for zeros until the map is of a reasonable length.
 */
export function dataSegments(native: Native, fd: number, size: number): Segment[] | undefined {
  let segments: Segment[] = []
  let hole = smallestHole
  for (let run = native.dataAfter(fd, 0); run !== undefined && run[0] < size; run = native.dataAfter(fd, run[1])) {
    const [start, end] = [run[0], Math.min(run[1], size)]
    append(segments, { offset: start, length: end - start }, hole)
    while (segments.length > maxSegments) {
      hole *= 2
      segments = segments.reduce<Segment[]>((kept, segment) => append(kept, segment, hole), [])
    }
  }
  const stored = segments.reduce((sum, { length }) => sum + length, 0)
  return size - stored < smallestHole ? undefined : segments
}

/** Appends a segment, joined with the last when the hole between them is small. */
function append(segments: Segment[], { offset, length }: Segment, hole: number): Segment[] {
  const last = segments.at(-1)
  const end = last === undefined ? 0 : last.offset + last.length
  if (offset - end >= hole) segments.push({ offset, length })
  else segments.splice(-1, 1, { offset: last?.offset ?? 0, length: offset + length - (last?.offset ?? 0) })
  return segments
}

/**
 * The map that precedes the data, padded to whole blocks.
 * @see https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html "PAX Format, Version 1.0"
 */
export function sparseMap(segments: readonly Segment[], size: number): Buffer {
  const last = segments.at(-1)
  const isOpenEnded = last === undefined || last.offset + last.length < size
  const all = isOpenEnded ? [...segments, { offset: size, length: 0 }] : segments
  const text = [all.length, ...all.flatMap(({ offset, length }) => [offset, length]), ''].join('\n')
  const map = Buffer.alloc(Math.ceil(text.length / blockSize) * blockSize)
  map.write(text, 'latin1')
  return map
}

/** The records of the extended header that say how to read it. */
export function sparseRecords(name: string, size: number): [string, string][] {
  return [
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', name],
    ['GNU.sparse.realsize', String(size)],
  ]
}
