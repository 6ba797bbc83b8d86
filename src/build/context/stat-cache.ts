import { fingerprintWords, type ScannedEntry, type Time } from '../../host/index.js'
import { decodeName } from '../../layer/index.js'
import { readCacheFile, writeCacheFile } from './cache-file.js'
import { type ContentDigest, copyDigest, digestWords } from './content-digest.js'
import { WordWriter, wordsOf } from './word-writer.js'

/** Of a record: the length of its path, what stat(2) said, the digest; then the path. */
const fingerprintAt = 1
const digestAt = fingerprintAt + fingerprintWords
const pathAt = digestAt + digestWords

/** Files that were not asked for by the last build and may be gone. */
const maxOthers = 200_000

/** Filesystems take the time of the last tick of their clock, 10 ms at most; some know whole seconds only. */
const tickMs = 20
const wholeSecondsMs = 2000

export interface FileDigest {
  readonly path: string
  readonly scanned: ScannedEntry
  readonly digest: ContentDigest
}

/**
 * Digests of the files of one context, by path and what stat(2) says. A file that was changed so shortly before it was read that
 * a later change could have the same times is not kept, as git does not trust such files of its index. What cannot be read is
 * nothing.
 */
export class StatCache {
  readonly #path: string | undefined
  readonly #words: Uint32Array
  readonly #bytes: Buffer
  /** Where the records are, sorted by their paths. */
  readonly #places: readonly number[]
  /** What is asked for next, when all is asked for in order. */
  #next = 0

  private constructor(path: string | undefined, words: Uint32Array) {
    this.#path = path
    this.#words = words
    this.#bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength)
    this.#places = placesOf(words)
  }

  /** @param path the cache's file, in a directory of caches; nothing is kept when absent */
  static open(path: string | undefined): StatCache {
    return new StatCache(path, path === undefined ? new Uint32Array(0) : readCacheFile(path))
  }

  /** Undefined when it is not known, or was changed. */
  find(path: string, scanned: ScannedEntry): ContentDigest | undefined {
    const index = this.#pathAt(this.#next) === path ? this.#next : this.#search(path)
    this.#next = index + 1
    const place = this.#places[index]
    if (place === undefined || this.#pathAt(index) !== path) return undefined
    if (!scanned.hasFingerprint(this.#words, place + fingerprintAt)) return undefined
    return { words: this.#words, at: place + digestAt }
  }

  /**
   * Keeps these, and of what was there what was not asked for.
   *
   * @param readAt when the first of them was looked at, ms since 1970
   */
  async store(files: readonly FileDigest[], readAt: number): Promise<void> {
    if (this.#path === undefined) return
    const asked = new Set(files.map(({ path }) => path))
    const settled = files.filter(({ scanned }) => isSettled(scanned, readAt))
    const records = settled.map((file) => ({ path: file.path, write: (to: WordWriter) => writeRecord(to, file) }))
    for (const index of this.#places.keys()) {
      const path = this.#pathAt(index) as string
      if (records.length >= settled.length + maxOthers) break
      if (!asked.has(path)) records.push({ path, write: (to) => this.#copyRecord(to, index) })
    }
    records.sort((a, b) => compare(a.path, b.path))
    const writer = new WordWriter()
    for (const { write } of records) write(writer)
    await writeCacheFile(this.#path, writer.bytes())
  }

  #copyRecord(to: WordWriter, index: number): void {
    const from = this.#places[index] as number
    const count = recordWords(this.#words, from)
    const at = to.reserve(count)
    to.words.set(this.#words.subarray(from, from + count), at)
  }

  /** The first record whose path is not before it. */
  #search(path: string): number {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#pathAt(middle) as string, path) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #pathAt(index: number): string | undefined {
    const place = this.#places[index]
    if (place === undefined) return undefined
    const from = (place + pathAt) * 4
    const length = this.#words[place] as number
    const text = this.#bytes.toString('latin1', from, from + length)
    return /[\x80-\xff]/.test(text) ? decodeName(this.#bytes.subarray(from, from + length)) : text
  }
}

function writeRecord(to: WordWriter, { path, scanned, digest }: FileDigest): void {
  const at = to.reserve(pathAt)
  const length = to.name(path)
  to.words[at] = length
  scanned.copyFingerprint(to.words, at + fingerprintAt)
  copyDigest(digest, to.words, at + digestAt)
}

function recordWords(words: Uint32Array, at: number): number {
  return pathAt + wordsOf(words[at] as number)
}

function placesOf(words: Uint32Array): number[] {
  const places: number[] = []
  for (let at = 0; at < words.length; at += recordWords(words, at)) places.push(at)
  return places
}

/** In the order of a walk, in which a slash comes before all else. */
function compare(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (one !== other) return (one === slash ? -1 : one) - (other === slash ? -1 : other)
  }
  return a.length - b.length
}

const slash = 0x2f

function isSettled(scanned: ScannedEntry, readAt: number): boolean {
  const { mtime, ctime } = scanned
  const marginMs = mtime[1] === 0 && ctime[1] === 0 ? wholeSecondsMs : tickMs
  return Math.max(milliseconds(mtime), milliseconds(ctime)) < readAt - marginMs
}

function milliseconds([seconds, nanoseconds]: Time): number {
  return seconds * 1000 + nanoseconds / 1e6
}
