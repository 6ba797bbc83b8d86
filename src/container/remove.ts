import { failpoint } from '../errors/failpoint.js'
import { ConflictError } from '../errors/index.js'
import { native } from '../host/index.js'
import type { ContainerContext } from './context.js'
import { kill } from './kill.js'
import { awaitCleared } from './run-directory.js'
import { settle } from './settle.js'
import { waitEnded } from './wait.js'

export interface RemoveOptions {
  /** Also one that runs. Default false. */
  readonly force?: boolean
  /** Its anonymous volumes go with it, but for those that other containers have. Default false. */
  readonly volumes?: boolean
}

/**
 * Removes a container with its writable layer and log.
 *
 * @throws {ConflictError} CONTAINER_IN_USE when it runs and `force` is not set
 */
export async function remove(
  context: ContainerContext,
  id: string,
  { force = false, volumes = false }: RemoveOptions = {},
): Promise<void> {
  const record = context.containers.get(id)
  const now = record && (await settle(context, record))
  if (!record || !now) return
  if (now.status === 'running' || now.status === 'starting') {
    if (!force) throw running(id)
    const ended = waitEnded(context, id)
    ended.catch(() => {})
    await kill(context, id, 'SIGKILL').catch((error: { code?: string }) => {
      if (error.code !== 'INVALID_STATE') throw error
    })
    await ended
    if (record.config.rm) return void (await context.live.get(id)?.gone())
    return remove(context, id, { force, volumes })
  }
  await context.live.get(id)?.gone()
  failpoint('remove.begin')
  // Another process has started it meanwhile: look again.
  if (!context.containers.beginRemove(id, volumes)) return remove(context, id, { force, volumes })
  await awaitCleared(context, id)
  failpoint('remove.files')
  await native().removeTree(`${context.root}/containers/${id}`)
  if (!record.isPrepared) await context.finishFills(record)
  failpoint('remove.delete')
  context.delete(record)
  failpoint('remove.volumes')
  await context.discardVolumes(record)
}

function running(id: string): ConflictError {
  return new ConflictError(
    `You cannot remove a running container ${id}. Stop the container before attempting removal or force remove`,
    { code: 'CONTAINER_IN_USE', details: { container: id } },
  )
}
