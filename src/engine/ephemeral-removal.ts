import { close as closeContainer } from '../container/close.js'
import type { ContainerContext } from '../container/context.js'
import { ConflictError } from '../errors/index.js'
import type { EphemeralKind } from '../store/ephemeral.js'
import type { Stages } from './assemble.js'
import type { NetworksContext } from './network.js'
import { removeNetwork } from './network-creation.js'
import { settleUsers } from './volume.js'

export type EphemeralStages = Pick<Stages, 'images' | 'networking' | 'volumes' | 'owner'>

/**
 * Removes things by the ordinary verbs: containers, then the networks and volumes that they may have had. All are tried.
 *
 * @returns what has failed
 */
export async function removeThings(
  stages: EphemeralStages,
  context: ContainerContext,
  things: (kind: EphemeralKind) => readonly string[],
): Promise<unknown[]> {
  const failures: unknown[] = []
  const tried = (work: Promise<unknown>) => work.catch((error: unknown) => failures.push(error))
  await Promise.all(things('container').map((id) => tried(closeContainer(context, id))))
  for (const id of things('network')) await tried(closeNetwork({ stages, containers: context }, id))
  for (const name of things('volume')) await tried(closeVolume(stages, context, name))
  return failures
}

/** What of a network's removal is no failure: it is as it should be. */
const isGone = (error: unknown): boolean =>
  ['NETWORK_NOT_FOUND', 'VOLUME_NOT_FOUND', 'CONTAINER_NOT_FOUND', 'NOT_CONNECTED'].includes(
    (error as { code?: string }).code ?? '',
  )

const attempts = 10

/** Disconnects all that is on a network, and removes it; nothing happens when it has gone. */
export async function closeNetwork(context: NetworksContext, id: string): Promise<void> {
  const { networking } = context.stages
  const { disconnectContainer } = await import('./network-disconnect.js')
  for (let attempt = 1; ; attempt++) {
    const network = networking.store.get(id)
    if (!network) return
    for (const { container } of networking.store.endpointsOn(id))
      await ignoring(isGone, disconnectContainer(context, network, container, { force: true, signal: undefined }))
    try {
      await ignoring(isGone, removeNetwork(networking, id, undefined))
      return
    } catch (error) {
      // Somebody has connected to it meanwhile.
      if (!(error instanceof ConflictError) || error.code !== 'NETWORK_IN_USE' || attempt === attempts) throw error
    }
  }
}

/** Removes a volume; nothing happens when it has gone. */
export async function closeVolume(
  stages: Pick<Stages, 'volumes'>,
  context: ContainerContext,
  name: string,
): Promise<void> {
  await settleUsers({ stages, containers: context }, name)
  await ignoring(isGone, stages.volumes.remove(name, { force: false, signal: context.closing }))
}

async function ignoring(isIgnored: (error: unknown) => boolean, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isIgnored(error)) throw error
  }
}
