import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerRecord } from '../store/containers.js'
import { abortable } from './abortable.js'
import type { ContainerContext } from './context.js'
import { connect } from './dialogue.js'
import { finishRemoval } from './remove.js'
import { clearRun, isBeingCopied, runDirectory } from './run-directory.js'
import { settle } from './settle.js'

// A run directory that nobody holds, of a container that is not recorded as started, says that something is left of a run.
// Whoever has to do with the container clears it, and who opens the root; but the process that has met it first does not wait for that.

/** What was in the way is mostly gone at once: a lock that somebody looked at. */
const shortestPauseMs = 10
/** What is not needs time, or somebody who mends it. */
const longestPauseMs = 60_000

/**
 * Looks at a run until nothing is left of it, or the engine is closed; nobody waits for that, and it keeps no process alive.
 *
 * @param record of the run; undefined: there was none
 */
export function lookAgain(context: ContainerContext, id: string, record: ContainerRecord | undefined): void {
  const { unfinished, closing } = context
  if (unfinished.has(id) || closing.aborted) return
  const over = finish(context, id, record)
    // The engine is closed: whoever has to do with it next finds it.
    .catch(() => {})
    .then(() => void unfinished.delete(id))
  unfinished.set(id, over)
}

async function finish(context: ContainerContext, id: string, record: ContainerRecord | undefined): Promise<void> {
  const { closing } = context
  for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    await delay(pauseMs, undefined, { ref: false, signal: closing })
    if (await isFinished(context, id, record).catch(() => false)) return
  }
}

async function isFinished(context: ContainerContext, id: string, record: ContainerRecord | undefined) {
  if (isBegunAnew(context, id, record)) return true
  await supervisorGone(context, id)
  return clearAgain(context, id, record)
}

/** What was left was cleared for that: of the next run, or of whoever copies its files. */
function isBegunAnew({ containers, runRoot }: ContainerContext, id: string, record: ContainerRecord | undefined) {
  const now = containers.get(id)
  return (now !== undefined && now.attempt !== (record?.attempt ?? 0)) || isBeingCopied(runRoot, id)
}

/** One that tears down what its engine does not live to see torn down. */
async function supervisorGone(context: ContainerContext, id: string): Promise<void> {
  const session = await connect(context, id)
  session?.unref()
  await abortable(session?.closed ?? Promise.resolve(), context.closing).finally(() => session?.close())
}

/** Whether nothing is left. */
async function clearAgain(
  context: ContainerContext,
  id: string,
  record: ContainerRecord | undefined,
): Promise<boolean> {
  const now = context.containers.get(id)
  if (now?.phase === 'removing') await finishRemoval(context, now)
  else if (now) await settle(context, now)
  else if (await clearRun(context, id, true)) await (record && context.discardVolumes(record))
  const phase = context.containers.get(id)?.phase
  return phase !== 'started' && phase !== 'removing' && !existsSync(runDirectory(context.runRoot, id))
}
