import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { failpoint } from '../errors/failpoint.js'
import type { Native } from '../host/native.js'

/**
 * Keeps a collector of garbage and those who make new things apart, in all processes that have the root open. A change
 * holds `root/gc.lock` shared; a collection holds it alone, so whatever no record names then is nobody's.
 *
 * A change first leaves the mark `root/gc.dirty`, which only a whole collection removes: after a kill at any instant
 * the mark is there, and the next collection removes what was not recorded. It is also there until all that is recorded is
 * on the disk: a power cut may take records along, and leave some of their files.
 */
export interface Collection {
  /** Runs `body` with the lock held shared, then collects unless others are at work, or the caller does that later. */
  change<Result>(
    body: () => Promise<Result>,
    signal?: AbortSignal,
    options?: { readonly isSwept?: boolean },
  ): Promise<Result>
  /** Runs `body`, which makes nothing, with the lock held shared: what it reads stays. */
  hold<Result>(body: () => Promise<Result>, signal?: AbortSignal): Promise<Result>
  /** Collects when there is a mark and nobody is at work; else the next to finish does. Microseconds without a mark. */
  sweep(): Promise<void>
}

const retryMs = 10

/** @param collect removes what is nobody's; whether no other collection will be needed */
export function openCollection(
  root: string,
  native: Pick<Native, 'flock'>,
  collect: () => Promise<boolean>,
): Collection {
  const lockPath = join(root, 'gc.lock')
  const markPath = join(root, 'gc.dirty')

  /** Polls: a blocking flock would stop the event loop, and with it the collection that it may be waiting for. */
  const lockShared = async (signal: AbortSignal | undefined): Promise<number> => {
    const descriptor = openSync(lockPath, 'a', 0o600)
    try {
      while (!native.flock(descriptor, 'shared', false)) await delay(retryMs, undefined, signal && { signal })
      return descriptor
    } catch (error) {
      closeSync(descriptor)
      signal?.throwIfAborted()
      throw error
    }
  }

  const sweep = async (): Promise<void> => {
    if (!existsSync(markPath)) return
    const descriptor = openSync(lockPath, 'a', 0o600)
    try {
      if (!native.flock(descriptor, 'exclusive', false)) return
      failpoint('collection.collect')
      if (!(await collect())) return
      failpoint('collection.unmark')
      rmSync(markPath, { force: true })
    } finally {
      closeSync(descriptor)
    }
  }

  const hold = async <Result>(
    body: () => Promise<Result>,
    signal?: AbortSignal,
    { isSwept = true }: { readonly isSwept?: boolean } = {},
  ): Promise<Result> => {
    signal?.throwIfAborted()
    const lock = await lockShared(signal)
    try {
      return await body()
    } finally {
      closeSync(lock)
      // A mark stays after a failure, and what was done is done.
      if (isSwept) await sweep().catch(() => {})
    }
  }

  return {
    sweep,
    hold: (body, signal) => hold(body, signal),
    change: (body, signal, options) =>
      hold(
        () => {
          failpoint('collection.mark')
          closeSync(openSync(markPath, 'a', 0o600))
          return body()
        },
        signal,
        options,
      ),
  }
}
