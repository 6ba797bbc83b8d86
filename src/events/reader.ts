import { closeSync, type FSWatcher, read as readWithCallback, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { promisify } from 'node:util'
import { type EngineEvent, toEvent } from './event.js'
import type { Journal, JournalFile } from './journal.js'
import { parseLine } from './line.js'
import { type Line, linesOf } from './lines.js'

const read = promisify(readWithCallback)

export interface ReadOptions {
  /** Only what happened after that. */
  readonly afterNs: bigint
  /** Only what happened until then, and no longer than that; undefined: for ever. */
  readonly untilNs: bigint | undefined
  /** Ends the reading with its reason. */
  readonly signal: AbortSignal
  /** Whether waiting keeps the process alive. */
  readonly isPersistent: boolean
}

/**
 * What the journal has, then what comes, each once. Times only grow, so the last one read tells where to go on, in
 * whichever file that is by now. A reader that is slower than the journal rotates misses what is dropped meanwhile.
 */
export async function* readEvents(journal: Journal, options: ReadOptions): AsyncGenerator<EngineEvent, void, void> {
  const { untilNs, signal } = options
  signal.throwIfAborted()
  const news = openNews(journal, options)
  let lastNs = options.afterNs
  let file: Cursor | undefined
  try {
    for (;;) {
      // Asked for before the file is read to its end: what happens later is news.
      const isOver = news.isOver()
      const seen = news.count()
      file ??= cursorOf(journal.openAfter(lastNs))
      const isCurrent = file !== undefined && journal.isCurrent(file.fd)
      for await (const { line, timeNs } of file?.lines() ?? []) {
        if (timeNs <= lastNs) continue
        if (untilNs !== undefined && timeNs > untilNs) return
        lastNs = timeNs
        const message = parseLine(line)
        if (message) yield toEvent(message, timeNs)
        signal.throwIfAborted()
      }
      if (file && !isCurrent) {
        file.close()
        file = undefined
      } else if (isOver) return
      else await news.after(seen)
      signal.throwIfAborted()
    }
  } finally {
    news.close()
    file?.close()
  }
}

interface News {
  /** How often something was written. */
  count(): number
  /** Resolves when that is more, or the reading is over. Never rejects. */
  after(count: number): Promise<void>
  /** Whether the time has come that is read until. */
  isOver(): boolean
  close(): void
}

const longestTimerMs = 2 ** 31 - 1

/** The watch is there before anything is read. */
function openNews({ path }: Journal, { untilNs, signal, isPersistent }: ReadOptions): News {
  let count = 0
  let raise = () => {}
  let timer: NodeJS.Timeout | undefined
  let watcher: FSWatcher | undefined
  const onNews = () => {
    count++
    raise()
  }
  const leftMs = () => (untilNs === undefined ? Number.POSITIVE_INFINITY : Number(untilNs / 1_000_000n) - Date.now())
  const setTimer = () => {
    if (untilNs === undefined || leftMs() < 0) return onNews()
    timer = setTimeout(setTimer, Math.min(leftMs() + 1, longestTimerMs))
    if (!isPersistent) timer.unref()
  }
  signal.addEventListener('abort', onNews, { once: true })
  if (leftMs() >= 0) {
    const name = basename(path)
    watcher = watch(dirname(path), { persistent: isPersistent }, (_, file) => {
      if (file === null || file === name) onNews()
    })
    // The directory has gone: nothing comes any more, until somebody ends the reading.
    watcher.on('error', () => {})
    setTimer()
  }
  return {
    count: () => count,
    after: (seen) =>
      new Promise((resolve) => {
        raise = resolve
        if (count !== seen) resolve()
      }),
    isOver: () => leftMs() < 0,
    close() {
      signal.removeEventListener('abort', onNews)
      watcher?.close()
      clearTimeout(timer)
    },
  }
}

interface Cursor {
  readonly fd: number
  /** Up to the end of the file as it is, less a line that does not end yet. */
  lines(): AsyncGenerator<Line, void, void>
  close(): void
}

const blockBytes = 64 * 1024

function cursorOf(file: JournalFile | undefined): Cursor | undefined {
  if (!file) return undefined
  const { fd } = file
  let { offset } = file
  let block = Buffer.allocUnsafe(blockBytes)
  return {
    fd,
    async *lines() {
      for (;;) {
        const { bytesRead } = await read(fd, block, 0, block.length, offset)
        const end = block.subarray(0, bytesRead).lastIndexOf(10) + 1
        // Complete lines only: a torn one is taken away, and another one written in its place.
        if (end === 0 && bytesRead === block.length) block = Buffer.allocUnsafe(2 * block.length)
        else if (end === 0) return
        offset += end
        yield* linesOf(block.subarray(0, end))
      }
    },
    close: () => closeSync(fd),
  }
}
