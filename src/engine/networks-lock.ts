import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../host/index.js'

/**
 * Runs `body` while no other process, and nobody else in this one, makes or removes networks of the root. The kernel lets
 * go of the lock when its holder dies.
 */
export function withNetworksLock<Result>(
  runRoot: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  return withLock(`${runRoot}/networks.lock`, signal, body)
}

/** The same for the networks of one container that runs. */
export function withContainerLock<Result>(
  runDirectory: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  return withLock(`${runDirectory}/networks.lock`, signal, body)
}

async function withLock<Result>(
  path: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  const lock = openSync(path, 'a', 0o600)
  try {
    // Waiting in the kernel would keep a thread of the pool, which those who hold the lock may need.
    while (!native().flock(lock, 'exclusive', false)) {
      signal?.throwIfAborted()
      await delay(2)
    }
    signal?.throwIfAborted()
    return await body()
  } finally {
    closeSync(lock)
  }
}
