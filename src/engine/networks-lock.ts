import { closeSync, fstatSync, openSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../host/index.js'

/**
 * Runs `body` while no other process, and nobody else in this one, makes or removes networks of the root. The kernel lets
 * go of the lock when its holder dies.
 */
export async function withNetworksLock<Result>(
  runRoot: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  const lock = await acquire(`${runRoot}/networks.lock`, signal)
  try {
    return await body()
  } finally {
    closeSync(lock)
  }
}

/**
 * The same for the networks of one container, which runs. The lock is a file beside its view, and goes when nobody holds
 * it: one that was removed while somebody waited for it is nobody's.
 *
 * @param view the path of its view
 */
export async function withContainerLock<Result>(
  view: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  const path = `${view}.lock`
  const lock = await acquire(path, signal)
  try {
    return await body()
  } finally {
    rmSync(path, { force: true })
    closeSync(lock)
  }
}

async function acquire(path: string, signal: AbortSignal | undefined): Promise<number> {
  for (;;) {
    signal?.throwIfAborted()
    const lock = openSync(path, 'a', 0o600)
    if (native().flock(lock, 'exclusive', false) && fstatSync(lock).nlink > 0) return lock
    closeSync(lock)
    // Waiting in the kernel would keep the event loop, which those who hold the lock in this process need.
    await delay(2)
  }
}
