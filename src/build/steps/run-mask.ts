const stars = Buffer.from('***')
/** What is shorter is found everywhere, and hides nothing. */
const minBytes = 4
/** Longer ones are hidden in parts. */
const maxBytes = 1024
const maxParts = 1024

/** The texts that values of secrets are found by in what programs write: their lines. */
export function maskedTexts(values: readonly Uint8Array[]): Buffer[] {
  const parts = new Map<string, Buffer>()
  for (const value of values)
    for (const line of linesOf(Buffer.from(value)))
      for (let at = 0; at < line.length && parts.size < maxParts; at += maxBytes) {
        const part = line.subarray(at, at + maxBytes)
        if (part.length >= minBytes) parts.set(part.toString('latin1'), part)
      }
  return [...parts.values()]
}

function linesOf(value: Buffer): Buffer[] {
  return value
    .toString('latin1')
    .split(/[\r\n]+/)
    .map((line) => Buffer.from(line, 'latin1'))
}

type Interval = [start: number, end: number]

/** Hides texts in a stream, also when they come in pieces: a beginning of one is held until what follows says that it is none. */
export class Mask {
  readonly #texts: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)
  /** How much of that belongs to what was told as stars already. */
  #covered = 0

  constructor(texts: readonly Buffer[]) {
    this.#texts = texts
  }

  push(chunk: Buffer): Buffer {
    if (this.#texts.length === 0) return chunk
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    return this.#take(bytes, bytes.length - this.#openLength(bytes))
  }

  /** What is held at the stream's end. */
  end(): Buffer {
    return this.#take(this.#held, this.#held.length)
  }

  #take(bytes: Buffer, end: number): Buffer {
    const shown: Buffer[] = []
    let at = 0
    let covered = 0
    for (const [start, stop] of this.#hidden(bytes)) {
      const isTold = start === 0 && this.#covered > 0
      if (start >= end && !isTold) break
      shown.push(bytes.subarray(at, start))
      if (!isTold) shown.push(stars)
      at = Math.min(stop, end)
      covered = Math.max(0, stop - end)
    }
    shown.push(bytes.subarray(at, end))
    this.#held = Buffer.from(bytes.subarray(end))
    this.#covered = covered
    return Buffer.concat(shown)
  }

  /** Where texts are, in order; those that overlap as one. */
  #hidden(bytes: Buffer): Interval[] {
    const found: Interval[] = this.#covered > 0 ? [[0, this.#covered]] : []
    for (const text of this.#texts)
      for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length))
        found.push([at, at + text.length])
    found.sort(([a], [b]) => a - b)
    const merged: Interval[] = []
    for (const [start, end] of found) {
      const last = merged.at(-1)
      if (last && start < last[1]) last[1] = Math.max(last[1], end)
      else merged.push([start, end])
    }
    return merged
  }

  /** The length of the longest end that could be the beginning of a text. */
  #openLength(bytes: Buffer): number {
    let longest = 0
    for (const text of this.#texts) {
      const [first = 0] = text
      const from = Math.max(0, bytes.length - text.length + 1)
      for (
        let at = bytes.indexOf(first, from);
        at >= 0 && bytes.length - at > longest;
        at = bytes.indexOf(first, at + 1)
      )
        if (bytes.compare(text, 0, bytes.length - at, at) === 0) longest = bytes.length - at
    }
    return longest
  }
}
