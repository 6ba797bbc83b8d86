import { stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { readTextFile } from '../host/index.js'
import type { TimedEntry } from './log-entry.js'
import { type LogFile, openLogFile, unlessMissing } from './log-file.js'
import { type LogFormat, longestEntry } from './log-formats.js'

const attempts = 20

/**
 * Opens all files of a log, the oldest first, as they are at one moment: a supervisor may be renaming them. None when there
 * is no log yet.
 */
export async function openLogFiles(path: string): Promise<LogFile[]> {
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt === attempts
    const files = await openNumbered(path, isLast)
    // The newest was opened first, and still is the newest: nothing was renamed meanwhile.
    if (files && (isLast || (await inodeOf(path)) === files.at(-1)?.inode)) return files
    await closeLogFiles(files ?? [])
    // A few system calls of the supervisor's: nothing tells when they are done.
    await delay(1)
  }
}

export async function closeLogFiles(files: readonly LogFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()))
}

/** Undefined when a number is missing, unless that is tolerated: a supervisor was killed between two renames. */
async function openNumbered(path: string, isTolerant: boolean): Promise<LogFile[] | undefined> {
  const files: LogFile[] = []
  try {
    for (let number = 0; ; number++) {
      const file = await openLogFile(nameOf(path, number))
      if (file) files.unshift(file)
      else if (!(await isThere(nameOf(path, number + 1)))) return files
      else if (!isTolerant) break
    }
  } catch (error) {
    await closeLogFiles(files)
    throw error
  }
  await closeLogFiles(files)
  return undefined
}

const nameOf = (path: string, number: number) => (number === 0 ? path : `${path}.${number}`)

const isThere = async (path: string) => ((await inodeOf(path)) ?? (await inodeOf(`${path}.gz`))) !== undefined

export async function inodeOf(path: string): Promise<string | undefined> {
  const status = await unlessMissing(stat(path, { bigint: true }))
  return status && String(status.ino)
}

/**
 * Where each file ends for one who wants the first `endBytes` of what a run's supervisor has counted; files of earlier runs
 * are wanted whole. What begins after that is left out.
 *
 * @param record the supervisor's, see `log_open` in native/supervisor/log.h
 */
export function endsOf(files: readonly LogFile[], endBytes: number, record: string): Map<LogFile, number> {
  const begins = beginsOf(files, readTextFile(record))
  const ends = new Map<LogFile, number>()
  for (const file of files) {
    const end = endBytes - (begins.get(file) ?? Number.NEGATIVE_INFINITY)
    if (end > 0) ends.set(file, end)
  }
  return ends
}

/** Of files of this run. The newest is known by its inode; that of one which was compressed may be another's by now. */
function beginsOf(files: readonly LogFile[], record: string | undefined): Map<LogFile, number> {
  const begins = new Map<LogFile, number>()
  const newest = files.at(-1)
  if (!newest) return begins
  // Nothing was renamed in this run: it counts from the beginning of the newest.
  if (record === undefined) return begins.set(newest, 0)
  const places = record.split('\n')
  let at = places.findLastIndex((place) => place.startsWith(`${newest.inode} `))
  for (const file of files.toReversed()) {
    if (at < 0) break
    begins.set(file, Number(places[at--]?.split(' ', 2)[1]))
  }
  return begins
}

/** A place in a file; always where an entry begins. */
export interface Place {
  readonly file: LogFile
  offset: number
}

/** What is read at once, and with its entries kept by each of hundreds of followers who do not go on: a longer entry takes more. */
const usualBlock = 32 * 1024

/** The entries from a place on, as many as are there now; the place moves behind them. */
export async function* entriesFrom(
  place: Place,
  format: LogFormat,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<TimedEntry[], void, void> {
  let block = Buffer.allocUnsafe(usualBlock)
  const content = await place.file.content()
  for (;;) {
    const length = Math.min(block.length, end - place.offset)
    if (length <= 0) return
    const { bytesRead } = await content.read(block, 0, length, place.offset)
    const { entries, taken } = format.decode(block.subarray(0, bytesRead))
    place.offset += taken
    if (entries.length > 0) yield entries
    if (taken > 0) continue
    if (bytesRead < block.length || block.length >= longestEntry) return
    block = Buffer.allocUnsafe(Math.min(2 * block.length, longestEntry))
  }
}

/** Where the last `count` entries of all files begin. */
export async function tailPlaces(
  files: readonly LogFile[],
  format: LogFormat,
  count: number,
  ends: ReadonlyMap<LogFile, number> | undefined,
): Promise<Place[]> {
  const places: Place[] = []
  let left = count
  for (const file of files.toReversed()) {
    const { size } = await (await file.content()).stat()
    const end = await wholeEnd(file, format, Math.min(size, ends?.get(file) ?? size))
    const { offset, found } = await back(file, format, end, left)
    left -= found
    places.unshift({ file, offset })
    if (left === 0) break
  }
  return places
}

/** The end of the last whole entry: what follows it is being written. */
async function wholeEnd(file: LogFile, format: LogFormat, size: number): Promise<number> {
  const block = await blockBefore(file, size)
  const whole = format.wholeLength(block)
  if (whole !== undefined) return size - block.length + whole
  const place = { file, offset: 0 }
  for await (const _ of entriesFrom(place, format, size));
  return place.offset
}

async function back(file: LogFile, format: LogFormat, from: number, count: number) {
  let offset = from
  let found = 0
  while (found < count && offset > 0) {
    const block = await blockBefore(file, offset)
    let end = block.length
    const first = offset - end
    while (found < count && end > 0) {
      const begin = format.lastBegin(block.subarray(0, end)) ?? (first === 0 ? 0 : undefined)
      if (begin === undefined) break
      end = begin
      found++
    }
    // A block that holds no entry is of no log.
    if (end === block.length) break
    offset = first + end
  }
  return { offset, found }
}

async function blockBefore(file: LogFile, end: number): Promise<Buffer> {
  const content = await file.content()
  const block = Buffer.allocUnsafe(Math.min(longestEntry, end))
  const { bytesRead } = await content.read(block, 0, block.length, end - block.length)
  return block.subarray(0, bytesRead)
}
