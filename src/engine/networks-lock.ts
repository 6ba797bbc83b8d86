import { existsSync } from 'node:fs'
import { withFileLock, withPassingFileLock } from '../host/index.js'

/** Runs `body` while no other process, and nobody else in this one, makes or removes networks of the root. */
export function withNetworksLock<Result>(
  runRoot: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  return withFileLock(`${runRoot}/networks.lock`, body, signal)
}

/**
 * The same for the networks of one container, which runs. The lock is a file beside its view, and goes when nobody holds it.
 *
 * @param view the path of its view
 */
export function withContainerLock<Result>(
  view: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  return withPassingFileLock(`${view}.lock`, body, signal)
}

/** Waits until nobody changes the networks of a container whose end is recorded: nobody begins to from then on. */
export async function awaitContainerLock(view: string): Promise<void> {
  if (existsSync(`${view}.lock`)) await withContainerLock(view, undefined, async () => {})
}
