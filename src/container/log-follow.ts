import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { ContainerContext } from './context.js'
import type { TimedEntry } from './log-entry.js'
import { closeLogFiles, entriesFrom, inodeOf, openLogFiles, type Place } from './log-files.js'
import type { LogFormat } from './log-formats.js'
import { settle } from './settle.js'
import { waitEnded } from './wait.js'

const longestTimerMs = 2 ** 31 - 1

/** Tells when there may be more in a log, and when there will not. Made before the log is read: nothing is missed. */
export class LogNews {
  /** Nothing is written any more, or nothing more is wanted. */
  isOver = false
  readonly #ending = new AbortController()
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #error: unknown
  #isRaised = false
  #wake: (() => void) | undefined

  static async of(
    context: ContainerContext,
    id: string,
    path: string,
    { signal, untilNs }: { signal: AbortSignal | undefined; untilNs: bigint | undefined },
  ): Promise<LogNews> {
    signal?.throwIfAborted()
    const news = new LogNews()
    const record = context.containers.get(id)
    const now = record && (await settle(context, record))
    news.isOver = !now || ['created', 'exited', 'dead', 'removing'].includes(now.status)
    if (news.isOver) return news
    try {
      news.#listen(path, signal, untilNs)
      waitEnded(context, id, news.#ending.signal).then(
        () => news.#end(),
        (error: unknown) => news.#fail(error),
      )
    } catch (error) {
      news.close()
      throw error
    }
    return news
  }

  /** Waits for what came since the last time. */
  async next(): Promise<void> {
    if (!this.#isRaised && !this.isOver && !this.#error)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    this.#wake = undefined
    this.#isRaised = false
    if (this.#error) throw this.#error
  }

  close(): void {
    this.#watcher?.close()
    clearTimeout(this.#timer)
    this.#ending.abort()
  }

  #listen(path: string, signal: AbortSignal | undefined, untilNs: bigint | undefined): void {
    // Of the directory: it tells of a new file under the name as well.
    this.#watcher = watch(dirname(path), () => this.#raise())
    // It has gone with the container.
    this.#watcher.on('error', () => this.#raise())
    signal?.addEventListener('abort', () => this.#fail(signal.reason), { once: true, signal: this.#ending.signal })
    if (untilNs !== undefined) this.#endAt(Number(untilNs / 1_000_000n) + 1)
  }

  #endAt(ms: number): void {
    const left = ms - Date.now()
    if (left <= 0) this.#end()
    else this.#timer = setTimeout(() => this.#endAt(ms), Math.min(left, longestTimerMs))
  }

  #raise(): void {
    this.#isRaised = true
    this.#wake?.()
  }

  #end(): void {
    this.isOver = true
    this.#wake?.()
  }

  #fail(error: unknown): void {
    this.#error ??= error ?? new Error('aborted')
    this.#wake?.()
  }
}

/** The entries from `places` on, the last of which is in the newest file, and those that come, whatever the files are named then. */
export async function* followedEntries(
  { path, format }: { readonly path: string; readonly format: LogFormat },
  places: readonly Place[],
  news: LogNews,
): AsyncGenerator<TimedEntry[], void, void> {
  const waiting = [...places]
  let current = waiting.shift()
  try {
    for (;;) {
      const isLast = news.isOver
      if (current) yield* entriesFrom(current, format)
      if (waiting.length === 0) {
        waiting.push(...(await newerFiles(path, current)))
        // What was written before it was renamed is read before what was written behind that.
        if (current && waiting.length > 0) yield* entriesFrom(current, format)
      }
      if (waiting.length > 0) {
        await closeLogFiles(current ? [current.file] : [])
        current = waiting.shift()
      } else if (isLast) return
      else await news.next()
    }
  } finally {
    await closeLogFiles([...(current ? [current] : []), ...waiting].map(({ file }) => file))
  }
}

/** The files that were begun after the one that is read; all there are when that one is no more. */
async function newerFiles(path: string, current: Place | undefined): Promise<Place[]> {
  if (current && (await inodeOf(path)) === current.file.inode) return []
  const files = await openLogFiles(path)
  const at = files.findIndex(({ inode }) => inode === current?.file.inode)
  await closeLogFiles(files.slice(0, at + 1))
  return files.slice(at + 1).map((file) => ({ file, offset: 0 }))
}
