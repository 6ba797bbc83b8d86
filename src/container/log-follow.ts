import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from './context.js'
import type { TimedEntry } from './log-entry.js'
import { closeLogFiles, entriesFrom, inodeOf, openLogFiles, type Place } from './log-files.js'
import type { LogFormat } from './log-formats.js'
import { settle } from './settle.js'
import { waitEnded } from './wait.js'

const longestTimerMs = 2 ** 31 - 1

export interface FollowOptions {
  readonly signal: AbortSignal | undefined
  readonly untilNs: bigint | undefined
  /** Resolves when the container's run is over. */
  readonly ended?: (context: ContainerContext, id: string, signal: AbortSignal) => Promise<unknown>
  /** Does not keep the process alive. */
  readonly isBackground?: boolean
}

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
    { signal, untilNs, ended = waitEnded, isBackground = false }: FollowOptions,
  ): Promise<LogNews> {
    signal?.throwIfAborted()
    const news = new LogNews()
    news.isOver = !(await isRunning(context, id, signal))
    if (news.isOver) return news
    try {
      news.#listen(path, signal, untilNs, isBackground)
      ended(context, id, news.#ending.signal).then(
        () => news.finish(),
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

  #listen(path: string, signal: AbortSignal | undefined, untilNs: bigint | undefined, isBackground: boolean): void {
    // Of the directory: it tells of a new file under the name as well.
    this.#watcher = watch(dirname(path), { persistent: !isBackground }, () => this.#raise())
    // It has gone with the container.
    this.#watcher.on('error', () => this.#raise())
    signal?.addEventListener('abort', () => this.#fail(signal.reason), { once: true, signal: this.#ending.signal })
    if (untilNs !== undefined) this.#endAt(Number(untilNs / 1_000_000n) + 1)
  }

  /** What is there already is still read. */
  finish(): void {
    this.isOver = true
    this.#watcher?.close()
    clearTimeout(this.#timer)
    this.#wake?.()
  }

  #endAt(ms: number): void {
    const left = ms - Date.now()
    if (left <= 0) this.finish()
    else this.#timer = setTimeout(() => this.#endAt(ms), Math.min(left, longestTimerMs))
  }

  #raise(): void {
    this.#isRaised = true
    this.#wake?.()
  }

  #fail(error: unknown): void {
    this.#error ??= error ?? new Error('aborted')
    this.#wake?.()
  }
}

/** Whether a container runs, or is between two runs; waits for the end of a start, which makes the log. */
export async function isRunning(
  context: ContainerContext,
  id: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (;;) {
    const record = context.containers.get(id)
    const now = record && (await settle(context, record))
    if (now?.status !== 'starting')
      return now !== undefined && !['created', 'exited', 'dead', 'removing'].includes(now.status)
    // Nothing tells when a supervisor has confirmed the program: it is a matter of a moment.
    await delay(2, undefined, signal ? { signal } : {})
  }
}

/** The entries from `places` on, the last of which is in the newest file, and those that come, whatever the files are named then. */
export async function* followedEntries(
  { path, format }: { readonly path: string; readonly format: LogFormat },
  places: readonly Place[],
  news: LogNews,
  onFile: (place: Place) => void = () => {},
): AsyncGenerator<TimedEntry[], void, void> {
  const waiting = [...places]
  let current = waiting.shift()
  try {
    for (;;) {
      const isLast = news.isOver
      if (current) {
        onFile(current)
        yield* entriesFrom(current, format)
      }
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
  // The last one: that of an older one, which was compressed, may have become this one's.
  const at = files.findLastIndex(({ inode }) => inode === current?.file.inode)
  await closeLogFiles(files.slice(0, at + 1))
  return files.slice(at + 1).map((file) => ({ file, offset: 0 }))
}
