import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import { beginning, completeLine, endingBytes, type Position, positionOf } from './line.js'

const { O_RDWR, O_RDONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants

/** How the journal of a root is kept: each file is no longer than that, and there are as many. */
export interface JournalLimits {
  readonly maximumBytes: number
  readonly files: number
}

const journalLimits: JournalLimits = { maximumBytes: 16 * 1024 * 1024, files: 4 }

/** What is to be appended. */
export interface Entry {
  /** Its number in the outbox. */
  readonly outbox: number
  /** When it happened. In the journal it is later, if something else has come before it there. */
  readonly atNs: bigint
  readonly head: string
}

/** A file of the journal that is open to be read. */
export interface JournalFile {
  readonly fd: number
  /** Where what is wanted begins. */
  readonly offset: number
}

/**
 * The events of a root in the order they happened in, one JSON object a line: `events.jsonl`, and older ones in
 * `events.jsonl.1` and so on. Times increase strictly throughout. Engines and supervisors append, under flock(2) of a file
 * of its own, so that no file is locked that is renamed.
 */
export interface Journal {
  readonly path: string
  readonly lock: string
  readonly limits: JournalLimits
  /**
   * Appends what `select` gives for how far the outbox has got.
   *
   * @param patienceMs for as long who keeps the lock is waited for, with this thread
   * @returns how far it has got now; undefined when somebody keeps the lock
   */
  append(select: (outbox: number) => readonly Entry[], patienceMs?: number): number | undefined
  /** Where it has got to. */
  position(): Position
  /** Opens the file that has the first line later than that, or the last file; undefined when there is none. */
  openAfter(timeNs: bigint): JournalFile | undefined
  /** Whether lines may still be appended to it. */
  isCurrent(fd: number): boolean
  close(): void
}

interface End extends Position {
  readonly size: number
}

export function openJournal(root: string, limits: JournalLimits = journalLimits): Journal {
  const path = `${root}/events.jsonl`
  const lockPath = `${root}/events.lock`
  const lock = openSync(lockPath, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
  let current: Opened | undefined
  /** Where we have left the file that is open: as long as it is no longer, its last line is ours. */
  let left: End | undefined
  let isStuck = false
  const names = Array.from({ length: limits.files }, (_, index) => (index === 0 ? path : `${path}.${index}`))

  const reopen = () => {
    if (current) closeSync(current.fd)
    current = undefined
    left = undefined
    current = identified(openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600))
    return current
  }
  const journalEnd = (): End => {
    const named = statSync(path, { throwIfNoEntry: false })
    const isOurs = current !== undefined && isSame(current, named)
    if (isOurs && left?.size === named?.size && left) return left
    const { fd } = isOurs && current ? current : reopen()
    const end = readEnd(fd, true)
    return end.size > 0 ? end : { ...endOf(names[1], true), size: 0 }
  }
  const rotate = () => {
    for (let index = names.length - 1; index > 0; index--) {
      failpoint('events.rotate')
      renameIfThere(names[index - 1] as string, names[index] as string)
    }
    failpoint('events.rotated')
  }
  /** Gives the size that the file has then. */
  const write = (text: string, end: number): number => {
    const bytes = Buffer.from(text)
    const isFull = end > 0 && end + bytes.length > limits.maximumBytes
    if (isFull) rotate()
    const { fd } = isFull || !current ? reopen() : current
    const size = isFull ? 0 : end
    failpoint('events.append')
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written)
    } catch (error) {
      // Whole lines stay: somebody may have read them.
      ftruncateSync(fd, size + bytes.subarray(0, written).lastIndexOf(newline) + 1)
      throw error
    }
    failpoint('events.appended')
    return size + bytes.length
  }

  return {
    path,
    lock: lockPath,
    limits,
    append(select, patience = patienceMs) {
      const isAcquired = acquire(lock, 'exclusive', isStuck ? 0 : patience)
      // Who has waited for one that stands still only looks from then on whether it goes on.
      isStuck = !isAcquired && (isStuck || patience >= patienceMs)
      if (!isAcquired) return undefined
      return releasing(lock, () => {
        const end = journalEnd()
        left = undefined
        let { timeNs, outbox, size } = end
        let text = ''
        for (const entry of select(outbox)) {
          timeNs = entry.atNs > timeNs ? entry.atNs : timeNs + 1n
          outbox = entry.outbox
          text += completeLine(entry.head, { timeNs, outbox })
        }
        if (text !== '') size = write(text, size)
        left = { timeNs, outbox, size }
        return outbox
      })
    },
    position: () =>
      undisturbed(lock, () => {
        const ends = names.slice(0, 2).map((name) => endOf(name, false))
        return ends.find(({ size }) => size > 0) ?? beginning
      }),
    openAfter: (timeNs) => undisturbed(lock, () => openAfter(names, timeNs)),
    isCurrent: (fd) => isSame(identified(fd), statSync(path, { throwIfNoEntry: false })),
    close() {
      if (current) closeSync(current.fd)
      current = undefined
      closeSync(lock)
    },
  }
}

const patienceMs = 100
const pauseMs = 0.2
const pause = new Int32Array(new SharedArrayBuffer(4))

/** Who has the lock appends a few lines: a moment later it is free, unless its holder was stopped. */
function acquire(lock: number, kind: 'shared' | 'exclusive', patience = patienceMs): boolean {
  for (const deadline = performance.now() + patience; !native().flock(lock, kind, false); ) {
    if (performance.now() > deadline) return false
    Atomics.wait(pause, 0, 0, pauseMs)
  }
  return true
}

function releasing<Result>(lock: number, body: () => Result): Result {
  try {
    return body()
  } finally {
    native().flock(lock, 'unlock', false)
  }
}

/** While nothing is renamed: a holder that was stopped does nothing, either. */
function undisturbed<Result>(lock: number, body: () => Result): Result {
  return acquire(lock, 'shared') ? releasing(lock, body) : body()
}

function openAfter(names: readonly string[], timeNs: bigint): JournalFile | undefined {
  let found: JournalFile | undefined
  for (const name of names.toReversed()) {
    const fd = openIfThere(name, O_RDONLY)
    if (fd === undefined) continue
    if (found) closeSync(found.fd)
    const end = readEnd(fd, false)
    found = { fd, offset: end.timeNs > timeNs ? 0 : end.size }
    if (end.timeNs > timeNs) break
  }
  return found
}

function endOf(name: string | undefined, repair: boolean): End {
  const fd = name === undefined ? undefined : openIfThere(name, repair ? O_RDWR : O_RDONLY)
  if (fd === undefined) return { ...beginning, size: 0 }
  try {
    return readEnd(fd, repair)
  } finally {
    closeSync(fd)
  }
}

/** A writer that was killed, or a full disk, leaves a line that does not end: it goes with the next one who writes. */
function readEnd(fd: number, repair: boolean): End {
  const { size: length } = fstatSync(fd)
  const ending = readAt(fd, Math.max(0, length - endingBytes), Math.min(length, endingBytes))
  if (length === 0 || ending.at(-1) === newline) return endAt(ending, length)
  const size = lastLineEnd(fd, length)
  if (repair) ftruncateSync(fd, size)
  return endAt(readAt(fd, Math.max(0, size - endingBytes), Math.min(size, endingBytes)), size)
}

function endAt(ending: Buffer, size: number): End {
  const { timeNs, outbox } = positionOf(ending.toString('latin1')) ?? beginning
  return { timeNs, outbox, size }
}

const newline = 10

const blockBytes = 4096

/** Just behind the last newline. */
function lastLineEnd(fd: number, size: number): number {
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - blockBytes)
    const at = readAt(fd, from, end - from).lastIndexOf(newline)
    if (at >= 0) return from + at + 1
    end = from
  }
  return 0
}

function readAt(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length)
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position))
}

interface Opened {
  readonly fd: number
  readonly ino: number
  readonly dev: number
}

function identified(fd: number): Opened {
  const { ino, dev } = fstatSync(fd)
  return { fd, ino, dev }
}

/** Whether an open file is the one that has a name now. */
function isSame({ ino, dev }: Opened, named: { ino: number; dev: number } | undefined): boolean {
  return named?.ino === ino && named.dev === dev
}

function openIfThere(name: string, flags: number): number | undefined {
  try {
    return openSync(name, flags | O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
