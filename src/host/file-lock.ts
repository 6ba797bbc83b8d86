import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { binaries } from './addon.js'

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
const retryMs = 2

/**
 * Runs `body` while nobody else does who holds the same file's flock, in this process or another. The kernel lets go of
 * it when its holder dies.
 *
 * @param path a file of its own, which is made; `body` may remove it: those who waited for it take the next one then
 */
export async function withFileLock<Result>(
  path: string,
  body: () => Result | Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  for (;;) {
    const lock = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    try {
      await acquire(lock, signal)
      if (fstatSync(lock).nlink > 0) return await body()
    } finally {
      closeSync(lock)
    }
  }
}

/** Polls: a blocking flock would stop the event loop, and with it whoever holds the lock in this process. */
async function acquire(lock: number, signal: AbortSignal | undefined): Promise<void> {
  for (; ; await delay(retryMs)) {
    signal?.throwIfAborted()
    if (binaries().native.flock(lock, 'exclusive', false)) return
  }
}
