import { closeSync, constants, fstatSync, openSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { binaries } from './addon.js'

const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW } = constants
const retryMs = 2
const namespacePatienceMs = 5000

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
      await acquire(lock, signal, Number.POSITIVE_INFINITY)
      if (fstatSync(lock).nlink > 0) return await body()
    } finally {
      closeSync(lock)
    }
  }
}

/** The same with a file that goes when nobody holds it any more. */
export function withPassingFileLock<Result>(
  path: string,
  body: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const removing = async () => {
    try {
      return await body()
    } finally {
      rmSync(path, { force: true })
    }
  }
  return withFileLock(path, removing, signal)
}

/**
 * The same among all who share the network namespace of the calling thread, whichever root is theirs. Whoever is in it can
 * lock it: one who does so for long is not waited for.
 */
export async function withNetworkNamespaceLock<Result>(
  body: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const namespace = openSync('/proc/thread-self/ns/net', 'r')
  try {
    await acquire(namespace, signal, performance.now() + namespacePatienceMs)
    return await body()
  } finally {
    closeSync(namespace)
  }
}

/**
 * The lock of a file that is there, if nobody has it.
 *
 * @returns a descriptor that holds it until it is closed
 */
export function claimLock(path: string): number | undefined {
  const lock = openThere(path)
  if (lock === undefined || binaries().native.flock(lock, 'exclusive', false)) return lock
  closeSync(lock)
  return undefined
}

/** Opens a file for its lock; undefined: it is gone. */
export function openThere(path: string): number | undefined {
  try {
    return openSync(path, O_RDONLY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Polls: a blocking flock would stop the event loop, and with it whoever holds the lock in this process. */
async function acquire(lock: number, signal: AbortSignal | undefined, deadline: number): Promise<void> {
  for (; ; await delay(retryMs)) {
    signal?.throwIfAborted()
    if (binaries().native.flock(lock, 'exclusive', false) || performance.now() > deadline) return
  }
}
