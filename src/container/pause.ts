import { constants } from 'node:os'
import type { ContainerContext } from './context.js'
import { askSupervisor } from './dialogue.js'
import { notFrozen, standingStill } from './freeze.js'
import { presentFor } from './present.js'
import { refusal } from './states.js'

const { EALREADY } = constants.errno

/**
 * Makes everything in a container stand still, until somebody says otherwise.
 *
 * @throws {InvalidStateError} when it does not run, is paused already, or does not stand still within ten seconds
 */
export async function pause(context: ContainerContext, id: string, signal: AbortSignal | undefined): Promise<void> {
  await presentFor(context, id, 'pause', signal)
  await setPaused(context, id, true)
  try {
    await standingStill(context.freezer(id), id, signal)
  } catch (error) {
    await setPaused(context, id, false).catch(() => {})
    throw error
  }
}

/** Lets it go on. @throws {InvalidStateError} when it is not paused */
export async function unpause(context: ContainerContext, id: string, signal: AbortSignal | undefined): Promise<void> {
  await presentFor(context, id, 'unpause', signal)
  await setPaused(context, id, false)
}

async function setPaused(context: ContainerContext, id: string, isPaused: boolean): Promise<void> {
  const verb = isPaused ? 'pause' : 'unpause'
  const answer = await askSupervisor(context, id, (session) => session.freeze(isPaused, true))
  if (answer?.errno === 0) return
  // Between the look and this it has ended, or somebody else was first.
  if (answer?.errno === EALREADY) throw refusal(verb, isPaused ? 'paused' : 'running', id)
  await presentFor(context, id, verb)
  if (answer) throw notFrozen(id, answer.errno)
  throw refusal(verb, 'exited', id)
}
