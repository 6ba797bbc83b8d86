import { closeSync, constants, openSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from '../container/context.js'
import { connect } from '../container/dialogue.js'
import type { TimedEntry } from '../container/log-entry.js'
import type { LogFile } from '../container/log-file.js'
import { closeLogFiles, entriesFrom, openLogFiles, type Place } from '../container/log-files.js'
import { followedEntries, isRunning, LogNews } from '../container/log-follow.js'
import { type LogSource, logSource } from '../container/logs.js'
import { failpoint } from '../errors/failpoint.js'
import { native } from '../host/index.js'
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

  /** One process feeds; the kernel lets go of the lock when it dies. False: another one does. */
  async #locked(): Promise<boolean> {
    // Its directory is made by its start.
    await isRunning(this.#context, this.#record.id, this.#stop.signal)
    const source = logSource(this.#context, this.#record.id)
    // No file is made: the container may be on its way out.
    const directory = openSync(dirname(source.path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      if (!native().flock(directory, 'exclusive', false)) return false
      await this.#feed(source, directory)
      return !this.#isFinishing
    } finally {
      closeSync(directory)
    }
  }

  async #feed(source: LogSource, directory: number): Promise<void> {
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
      const places = await beginning(source, readPosition(directory))
      for await (const entries of followedEntries(source, places, news, (now) => {
        place = now
      })) {
        await this.#give(entries)
        const timeNs = entries.at(-1)?.timeNs ?? 0n
        if (place) writePosition(directory, { inode: place.file.inode, offset: place.offset, timeNs: String(timeNs) })
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
}

/** Where what was not taken yet begins. */
async function beginning({ path, format }: LogSource, position: Position | undefined): Promise<Place[]> {
  const files = await openLogFiles(path)
  if (!position) return files.map((file) => ({ file, offset: 0 }))
  const at = files.findLastIndex(({ inode }) => inode === position.inode)
  const file = files[at]
  // The file is gone, or what has its number is another one: the time tells.
  if (!file || !(await isEndOf(await file.content(), position)))
    return filesSince(files, format, BigInt(position.timeNs))
  await closeLogFiles(files.slice(0, at))
  return files.slice(at).map((one) => ({ file: one, offset: one === file ? position.offset : 0 }))
}

/** From the file on that has something of that time, or later. */
async function filesSince(files: readonly LogFile[], format: LogSource['format'], timeNs: bigint): Promise<Place[]> {
  let at = 0
  while (at < files.length - 1 && !(await reaches(files[at] as LogFile, format, timeNs))) at++
  await closeLogFiles(files.slice(0, at))
  return files.slice(at).map((file) => ({ file, offset: 0 }))
}

async function reaches(file: LogFile, format: LogSource['format'], timeNs: bigint): Promise<boolean> {
  for await (const entries of entriesFrom({ file, offset: 0 }, format))
    if (entries.some((entry) => entry.timeNs >= timeNs)) return true
  return false
}

/** Kept with the directory: replaced at once, and gone with it. */
const attribute = 'trusted.inboard.log-position'

function readPosition(directory: number): Position | undefined {
  try {
    const value = native().getxattrAt(directory, '', attribute)
    return value && (JSON.parse(Buffer.from(value).toString()) as Position)
  } catch {
    // The filesystem keeps none.
    return undefined
  }
}

function writePosition(directory: number, position: Position): void {
  failpoint('log-feeder.position')
  try {
    native().setxattrAt(directory, '', attribute, Buffer.from(JSON.stringify(position)))
  } catch {
    // The disk is full, or keeps no attributes: what is not remembered comes again.
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
async function isEndOf(handle: FileHandle, { offset, timeNs }: Position): Promise<boolean> {
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
