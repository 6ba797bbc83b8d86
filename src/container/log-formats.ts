import { ByteEntry, JsonEntry, type TimedEntry } from './log-entry.js'

/** How entries stand in a file. Both ways of reading are given bytes that begin, or end, with a whole entry. */
export interface LogFormat {
  /** The whole entries at the beginning of `block`, and how many bytes they take; what cannot be read is passed over. */
  decode(block: Buffer): { readonly entries: TimedEntry[]; readonly taken: number }
  /** How much of `block`, which ends where the file does, ends with a whole entry; undefined: nothing tells. */
  wholeLength(block: Buffer): number | undefined
  /** Where the last entry of `block` begins, which it ends with; undefined when that is before it. */
  lastBegin(block: Buffer): number | undefined
}

/** No entry is longer: 16 KiB of text, each byte of which can take six, and the attributes. */
export const longestEntry = 256 * 1024
const newline = 10

export const jsonFormat: LogFormat = {
  decode(block) {
    const taken = block.lastIndexOf(newline) + 1
    if (taken === 0) return { entries: [], taken: block.length < longestEntry ? 0 : block.length }
    const entries = block
      .toString('utf8', 0, taken - 1)
      .split('\n')
      .flatMap(parseLine)
    return { entries, taken }
  },
  wholeLength: (block) => block.lastIndexOf(newline) + 1,
  lastBegin(block) {
    const before = block.lastIndexOf(newline, block.length - 2)
    return block.length < 2 || before < 0 ? undefined : before + 1
  },
}

function parseLine(line: string): JsonEntry | [] {
  try {
    const value = JSON.parse(line) as ConstructorParameters<typeof JsonEntry>[0]
    return typeof value?.log === 'string' ? new JsonEntry(value) : []
  } catch {
    // Not written by a supervisor.
    return []
  }
}

// As native/supervisor/log.h describes it.
const headBytes = 16
const frameBytes = headBytes + 4
const longestText = 16 * 1024
const streams = ['stdout', 'stderr'] as const

export const localFormat: LogFormat = {
  decode(block) {
    const entries: TimedEntry[] = []
    let taken = 0
    while (block.length - taken >= frameBytes) {
      const length = block.readUInt32LE(taken)
      const stream = streams[(block[taken + 4] as number) - 1]
      // Nothing tells where the next frame would be.
      if (length > longestText || !stream) return { entries, taken: block.length }
      if (block.length - taken < length + frameBytes) break
      const text = Buffer.from(block.subarray(taken + headBytes, taken + headBytes + length))
      entries.push(new ByteEntry(stream, text, block.readBigUInt64LE(taken + 8)))
      taken += length + frameBytes
    }
    return { entries, taken }
  },
  wholeLength: (block) => (block.length === 0 || localFormat.lastBegin(block) !== undefined ? block.length : undefined),
  lastBegin(block) {
    if (block.length < frameBytes) return undefined
    const length = block.readUInt32LE(block.length - 4)
    const begin = block.length - frameBytes - length
    return begin >= 0 && block.readUInt32LE(begin) === length ? begin : undefined
  },
}
