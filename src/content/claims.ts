import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { failpoint } from '../errors/failpoint.js'
import type { Native } from '../host/native.js'

/** What one of those who want the same thing does, so that the others need not. */
export interface Work<Result> {
  /** What is there already. `note`: what a maker has noted in this boot; undefined when none has. */
  find(note: string | undefined): Result | undefined
  /** Makes it. `note` tells those who come later, until nobody is at work any more, what they cannot see by themselves. */
  make(note: (text: string) => void): Promise<Result>
  readonly signal?: AbortSignal | undefined
}

/**
 * Lets things that several want at once be made once, whichever process they are in. A maker holds the flock of a file
 * of that name; when it fails or dies the lock is free, and the next in line makes the thing.
 */
export interface Claims {
  /** @param name a file name; what is made under different names does not wait for each other */
  once<Result>(name: string, work: Work<Result>): Promise<Result>
}

const retryMs = 10
const maxNoteBytes = 1024

/**
 * @param directory one of files that are written aside: what is left in it without a lock is swept
 * @param boot the boot's id
 */
export function openClaims(directory: string, native: Pick<Native, 'flock'>, boot: string): Claims {
  const once = async <Result>(name: string, work: Work<Result>): Promise<Result> => {
    const there = work.find(undefined)
    if (there !== undefined) return there
    const path = join(directory, name)
    for (;;) {
      const descriptor = openSync(path, 'a+', 0o600)
      try {
        const outcome = await attempt(descriptor, path, work)
        if (outcome) return outcome.result
      } finally {
        closeSync(descriptor)
      }
    }
  }

  /** Undefined when the file was given up by its maker, and others may have made a new one. */
  const attempt = async <Result>(
    descriptor: number,
    path: string,
    { find, make, signal }: Work<Result>,
  ): Promise<{ result: Result } | undefined> => {
    // Polls: a blocking flock would stop the event loop.
    while (!native.flock(descriptor, 'exclusive', false)) {
      signal?.throwIfAborted()
      const result = find(readNote(descriptor))
      if (result !== undefined) return { result }
      await delay(retryMs, undefined, signal && { signal }).catch(() => {})
    }
    signal?.throwIfAborted()
    // Looked for once more, now that nobody makes it.
    const result = find(readNote(descriptor))
    const isCurrent = fstatSync(descriptor).nlink > 0
    if (result === undefined && !isCurrent) return undefined
    let isNoted = readNote(descriptor) !== undefined
    try {
      if (result !== undefined) return { result }
      failpoint('content.claim')
      const note = (text: string) => {
        isNoted = true
        writeSync(descriptor, `${boot} ${text}\n`)
      }
      return { result: await make(note) }
    } finally {
      // Unlinked before the lock goes with the descriptor. What is noted is for those who come later, until it is swept.
      if (isCurrent && !isNoted) rmSync(path, { force: true })
    }
  }

  const readNote = (descriptor: number): string | undefined => {
    const buffer = Buffer.alloc(maxNoteBytes)
    const text = buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, maxNoteBytes, 0))
    // After a power cut the file may be there, and what it speaks of not.
    return text.startsWith(`${boot} `) && text.endsWith('\n') ? text.slice(boot.length + 1, -1) : undefined
  }

  return { once }
}
