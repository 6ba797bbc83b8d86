import { endingBytes, positionOf } from './line.js'

/** A line of the journal, without its newline. */
export interface Line {
  readonly line: string
  readonly timeNs: bigint
}

/** The lines of a block that ends with one. What is no line of the journal's is left out. */
export function* linesOf(bytes: Buffer): Generator<Line, void, void> {
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from)
    const ending = bytes.toString('latin1', Math.max(from, end - endingBytes), end)
    const position = positionOf(ending)
    if (position) yield { line: bytes.toString('utf8', from, end), timeNs: position.timeNs }
    from = end + 1
  }
}
