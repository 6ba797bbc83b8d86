import { closeSync, constants, openSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from '../container/context.js'
import type { TimedEntry } from '../container/log-entry.js'
import { closeLogFiles, entriesFrom, openLogFiles, type Place } from '../container/log-files.js'
import { followedEntries, isRunning, LogNews } from '../container/log-follow.js'
import { type LogSource, logSource } from '../container/logs.js'
import { connect } from '../container/dialogue.js'
import { failpoint } from '../errors/failpoint.js'
import { native, readTextFile } from '../host/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { LogDriver, LoggedContainer } from './log-drivers.js'

const firstRetryMs = 100
const longestRetryMs = 30_000
const patienceMs = 120_000

/** How far a driver has taken a log: the end of an entry, and its time to know it by. */
interface Position {
  readonly inode: string
  readonly offset: number
  readonly timeNs: string
}

/** One container's log on its way to its driver. */
export class LogFeeder {
  readonly #context: ContainerContext
  readonly #record: ContainerRecord
  readonly #driver: LogDriver
  readonly #stop = new AbortController()
  #news: LogNews | undefined
  #isFinishing = false
  /** Settles when all was taken and the container has ended (true), or nothing can be done now (false). Never rejects. */
  readonly done: Promise<boolean>

  constructor(context: ContainerContext, record: ContainerRecord, driver: LogDriver) {
    this.#context = context
    this.#record = record
    this.#driver = driver
    this.done = this.#locked().catch(() => false)
  }

  /** Takes no more than what is logged by now. */
  finish(): void {
    this.#isFinishing = true
    this.#news?.finish()
  }

  stop(): void {
    this.#stop.abort()
  }

  get #directory(): string {
    return `${this.#context.root}/containers/${this.#record.id}`
  }

  /** One process feeds; the kernel lets go of the lock when it dies. False: another one does. */
  async #locked(): Promise<boolean> {
    // Its directory is made by its start.
    await isRunning(this.#context, this.#record.id, this.#stop.signal)
    const lock = openSync(
      `${this.#directory}/log-feeder`,
      constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
      0o600,
    )
    try {
      if (!native().flock(lock, 'exclusive', false)) return false
      await this.#feed(logSource(this.#context, this.#record.id))
      return !this.#isFinishing
    } finally {
      closeSync(lock)
    }
  }

  async #feed(source: LogSource): Promise<void> {
    const news = await LogNews.of(this.#context, this.#record.id, source.path, {
      signal: this.#stop.signal,
      untilNs: undefined,
      ended: endedOrClosed,
      isBackground: true,
    })
    this.#news = news
    if (this.#isFinishing) news.finish()
    let place: Place | undefined
    try {
      const places = await this.#beginning(source)
      for await (const entries of followedEntries(source, places, news, (now) => {
        place = now
      })) {
        await this.#give(entries)
        if (place)
          this.#remember({ inode: place.file.inode, offset: place.offset, timeNs: String(entries.at(-1)?.timeNs) })
      }
    } finally {
      news.close()
    }
  }

  async #give(entries: readonly TimedEntry[]): Promise<void> {
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(patienceMs)])
      try {
        failpoint('log-feeder.write')
        await unlessAborted(this.#driver.write(entries, describe(this.#record), { signal }), signal)
        return
      } catch {
        this.#stop.signal.throwIfAborted()
        await delay(waitMs, undefined, { signal: this.#stop.signal, ref: false })
      }
    }
  }

  /** Where what was not taken yet begins. */
  async #beginning({ path, format }: LogSource): Promise<Place[]> {
    const files = await openLogFiles(path)
    const position = this.#position()
    const at = files.findIndex(({ inode }) => inode === position?.inode)
    const file = files[at]
    if (!position || !file || !(await isEndOf(file.handle, position)))
      return position ? this.#after(files, position, format) : files.map((one) => ({ file: one, offset: 0 }))
    await closeLogFiles(files.slice(0, at))
    return files.slice(at).map((one) => ({ file: one, offset: one === file ? position.offset : 0 }))
  }

  /** The file is gone, and what has its number is another one: the time tells. */
  async #after(files: Awaited<ReturnType<typeof openLogFiles>>, { timeNs }: Position, format: LogSource['format']) {
    const places: Place[] = []
    const before: typeof files = []
    for (const file of files) {
      const place = { file, offset: 0 }
      let isNew = places.length > 0
      for await (const entries of isNew ? [] : entriesFrom(place, format))
        isNew ||= entries.some((entry) => entry.timeNs >= BigInt(timeNs))
      if (isNew) places.push({ file, offset: 0 })
      else before.push(file)
    }
    await closeLogFiles(before)
    return places
  }

  #position(): Position | undefined {
    const text = readTextFile(`${this.#directory}/log-position`)
    return text === undefined ? undefined : (JSON.parse(text) as Position)
  }

  #remember(position: Position): void {
    const path = `${this.#directory}/log-position`
    try {
      failpoint('log-feeder.position')
      writeFileSync(`${path}.new`, JSON.stringify(position), { mode: 0o600 })
      renameSync(`${path}.new`, path)
    } catch {
      // The container is gone, or the disk is full: what is not remembered comes again.
    }
  }
}

/** Until its supervisor says so, or the engine is closed. What waits does not keep the process alive. */
async function endedOrClosed(context: ContainerContext, id: string, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, context.closing])
  while (!over.aborted && (await isRunning(context, id, over))) {
    const session = await connect(context, id)
    session?.unref()
    const onAbort = () => session?.close()
    over.addEventListener('abort', onAbort, { once: true })
    if (over.aborted) onAbort()
    const exit = await session?.exited
    over.removeEventListener('abort', onAbort)
    session?.close()
    if (exit) return
  }
}

/** Whether an entry of that time ends there: a local log's frames tell their length at both ends. */
async function isEndOf(handle: Place['file']['handle'], { offset, timeNs }: Position): Promise<boolean> {
  const trailer = Buffer.alloc(4)
  const time = Buffer.alloc(8)
  if (offset < 20 || (await handle.read(trailer, 0, 4, offset - 4)).bytesRead < 4) return false
  const begin = offset - 20 - trailer.readUInt32LE()
  if (begin < 0 || (await handle.read(time, 0, 8, begin + 8)).bytesRead < 8) return false
  return time.readBigUInt64LE() === BigInt(timeNs)
}

function describe({ id, name, image, reference, createdAtMs, config }: ContainerRecord): LoggedContainer {
  return {
    id,
    name,
    image: reference,
    imageId: image,
    createdAt: new Date(createdAtMs),
    command: config.command,
    env: config.env,
    labels: config.labels,
    options: config.log.options,
  }
}

/** A driver that does not heed the signal is not waited for. */
function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}
