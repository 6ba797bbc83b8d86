import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../host/index.js'

const retryMs = 3

/**
 * Runs `work` while nobody else does who holds the same file's flock, in whichever process.
 *
 * @param path a file, which is made, and stays
 */
export async function withHostLock<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const file = openSync(path, 'a+', 0o600)
  try {
    // Polls: a blocking flock would stop the event loop, and with it whoever holds the lock in this process.
    while (!native().flock(file, 'exclusive', false)) await delay(retryMs)
    return await work()
  } finally {
    closeSync(file)
  }
}
