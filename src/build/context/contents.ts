import { fingerprintWords } from '../../host/index.js'
import { type ContentDigest, digestWords } from './content-digest.js'
import type { TreeEntry } from './context-entry.js'
import { contextChanged } from './context-errors.js'
import type { ContextFiles } from './context-files.js'
import type { StatCache } from './stat-cache.js'

/** What is hashed on this thread: a worker's start takes some 35 ms. */
const few = { files: 64, bytes: 2 * 1024 * 1024 }
const batchFiles = 512
const batchBytes = 64 * 1024 * 1024

export interface ContentsOptions {
  readonly files: ContextFiles
  readonly cache: StatCache
  readonly signal: AbortSignal | undefined
}

/** Digests of files: known from an earlier build where they are as they were, computed where not. */
export class Contents {
  readonly #options: ContentsOptions
  /** Those that were asked for in this build. */
  readonly #known: TreeEntry[] = []
  #computed = 0
  readonly #openedAt = Date.now()

  constructor(options: ContentsOptions) {
    this.#options = options
  }

  /** Sets the digests of all of them. @throws {ContextError} CONTEXT_CHANGED */
  async ensure(entries: readonly TreeEntry[]): Promise<void> {
    const { cache } = this.#options
    const missing: TreeEntry[] = []
    for (const entry of entries) {
      if (entry.kind !== 'file' || entry.digest !== undefined) continue
      entry.digest = cache.find(entry.path, entry.scanned)
      if (entry.digest === undefined) missing.push(entry)
      else this.#known.push(entry)
    }
    await this.#compute(missing)
  }

  /** For later builds. */
  async store(): Promise<void> {
    if (this.#computed === 0) return
    const files = this.#known.map(({ path, scanned, digest }) => ({ path, scanned, digest: digest as ContentDigest }))
    await this.#options.cache.store(files, this.#openedAt)
  }

  async #compute(entries: readonly TreeEntry[]): Promise<void> {
    this.#computed += entries.length
    const batches = batchesOf(entries)
    const isLittle = entries.length <= few.files && entries.reduce((bytes, { size }) => bytes + size, 0) <= few.bytes
    // The pool of workers decides how many are at work.
    await Promise.all(batches.map((batch) => this.#computeBatch(batch, isLittle)))
  }

  async #computeBatch(batch: readonly TreeEntry[], isLittle: boolean): Promise<void> {
    const { files, signal } = this.#options
    const paths = batch.map(({ path }) => path)
    const { digests, fingerprints, changed } = await files.digest(paths, isLittle, signal)
    const first = batch[changed[0] as number]
    if (first !== undefined) throw contextChanged(first.path)
    for (const [at, entry] of batch.entries()) {
      if (!entry.scanned.hasFingerprint(fingerprints, at * fingerprintWords)) throw contextChanged(entry.path)
      entry.digest = { words: digests, at: at * digestWords }
      this.#known.push(entry)
    }
  }
}

function batchesOf(entries: readonly TreeEntry[]): TreeEntry[][] {
  const batches: TreeEntry[][] = []
  let bytes = 0
  for (const entry of entries) {
    const last = batches.at(-1)
    if (last === undefined || last.length >= batchFiles || bytes + entry.size > batchBytes) {
      batches.push([entry])
      bytes = entry.size
    } else {
      last.push(entry)
      bytes += entry.size
    }
  }
  return batches
}
