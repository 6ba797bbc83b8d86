import { closeSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { CleanupError } from '../errors/index.js'
import { native } from '../host/index.js'
import type { ContainerRecord } from '../store/containers.js'
import { traced } from '../tracing/index.js'
import type { ContainerContext } from './context.js'
import { letGo } from './fs/lingering.js'
import { send } from './kill.js'
import { type Present, present } from './present.js'
import { awaitCleared, discardRunDirectory, isBeingRemoved, lockRunDirectory, markRemoved } from './run-directory.js'
import { signalNumber } from './signals.js'
import { isAlive, mayDo, refusal } from './states.js'
import { wait, waitEnded } from './wait.js'

export interface RemoveOptions {
  /** Also one that runs. Default false. */
  readonly force?: boolean
  /** Its anonymous volumes go with it, but for those that other containers have. Default false. */
  readonly volumes?: boolean
}

/**
 * Removes a container with its writable layer and log.
 *
 * @throws {ConflictError} CONTAINER_IN_USE when it runs and `force` is not set, or somebody else removes it at this moment
 * @throws {CleanupError} CLEANUP_FAILED when its files cannot be removed: it is dead then, and can be removed later
 */
export function remove(
  context: ContainerContext,
  id: string,
  { force = false, volumes = false }: RemoveOptions = {},
): Promise<void> {
  return traced(
    'inboard:container.remove',
    () => ({ container: id, force, volumes }),
    () => removeNow(context, id, force, volumes),
  )
}

async function removeNow(context: ContainerContext, id: string, force: boolean, volumes: boolean): Promise<void> {
  await letGo(context, id)
  for (;;) {
    const { record, status, observed } = await present(context, id)
    // Who was killed while he removed it is followed by anyone.
    if (status !== 'removing' || isBeingRemoved(context.runRoot, id))
      mayDo(force ? 'remove force' : 'remove', status, id)
    if (isAlive(status)) await endForRemoval(context, { record, status, observed })
    await context.live.get(id)?.gone()
    if (record.config.rm && isAlive(status)) return
    failpoint('remove.begin')
    // When another process has started it meanwhile: look again.
    if (context.containers.beginRemove(id, volumes)) return removeBegun(context, record, () => {})
  }
}

async function endForRemoval(context: ContainerContext, now: Present): Promise<void> {
  const { id, config } = now.record
  const ended = config.rm ? wait(context, id, { condition: 'removed' }) : waitEnded(context, id)
  ended.catch(() => {})
  await send(context, now, signalNumber('SIGKILL'))
  await ended
}

/** Finishes a removal that was cut short, unless somebody is at it. One that fails again leaves a dead container. */
export async function finishRemoval(context: ContainerContext, record: ContainerRecord): Promise<void> {
  if (isBeingRemoved(context.runRoot, record.id)) return
  const refuse = () => {
    if (isBeingRemoved(context.runRoot, record.id)) throw refusal('remove', 'removing', record.id)
  }
  await removeBegun(context, record, refuse).catch((error: { code?: string }) => {
    if (error.code !== 'CLEANUP_FAILED' && error.code !== 'CONTAINER_IN_USE') throw error
  })
}

/** @param refuse throws when this is not to be waited for: that somebody else is at it. Who opens a root may be, and then it is done. */
async function removeBegun(context: ContainerContext, record: ContainerRecord, refuse: () => void): Promise<void> {
  const { id } = record
  const lock = await claim(context, id, refuse)
  try {
    if (!context.containers.get(id)) return
    await removeFiles(context, id)
    if (!record.isPrepared) await context.finishFills(record)
    failpoint('remove.delete')
    context.delete(record)
    failpoint('remove.volumes')
    await context.discardVolumes(record)
  } finally {
    await discardRunDirectory(context, id).finally(() => closeSync(lock))
  }
}

/** Nobody else removes it from then on. The supervisor of its last run has gone. */
async function claim(context: ContainerContext, id: string, refuse: () => void): Promise<number> {
  for (;;) {
    await awaitCleared(context, id, refuse)
    const lock = lockRunDirectory(context.runRoot, id)
    if (lock === undefined) continue
    try {
      failpoint('remove.mark')
      markRemoved(context.runRoot, id)
      return lock
    } catch (error) {
      await discardRunDirectory(context, id).finally(() => closeSync(lock))
      throw error
    }
  }
}

async function removeFiles(context: ContainerContext, id: string): Promise<void> {
  failpoint('remove.files')
  try {
    await native().removeTree(`${context.root}/containers/${id}`)
  } catch (cause) {
    context.containers.setDead(id)
    const why = (cause as Error).message
    throw new CleanupError(
      `container ${id}: failed to remove root filesystem: ${why}: mend that, and remove it again`,
      { code: 'CLEANUP_FAILED', cause, details: { container: id } },
    )
  }
}
