import { closeSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { openProcess } from '../container/kill.js'
import { InvalidStateError } from '../errors/index.js'
import { sharedContainer } from '../spec/index.js'
import type { ContainerConfig } from '../spec/options.js'
import type { ContainerRecord } from '../store/containers.js'

/** Containers that one that starts shares namespaces with, as descriptors of their first processes. */
export interface SharedNamespaces {
  /** To be passed to the supervisor, in this order. */
  readonly slots: readonly number[]
  /** Which of them, by their index. */
  readonly pid: number | undefined
  readonly ipc: number | undefined
  close(): void
}

/**
 * Finds the running containers whose processes or IPC a container shares.
 *
 * @throws {InvalidStateError} when one does not run, or does not share its IPC; {NotFoundError} when there is none
 */
export async function openShared(
  context: ContainerContext,
  { pidMode, ipcMode }: Pick<ContainerConfig, 'pidMode' | 'ipcMode'>,
): Promise<SharedNamespaces> {
  const slots: number[] = []
  const close = () => slots.forEach((slot) => void closeSync(slot))
  const add = async (kind: string, mode: string) => {
    const name = sharedContainer(mode)
    return name === undefined ? undefined : slots.push(await openOwner(context, kind, ownerOf(context, kind, name))) - 1
  }
  try {
    return { pid: await add('PID', pidMode), ipc: await add('IPC', ipcMode), slots, close }
  } catch (error) {
    close()
    throw error
  }
}

function ownerOf(context: ContainerContext, kind: string, name: string): ContainerRecord {
  const owner = context.containers.find(name)
  if (kind !== 'IPC' || ['shareable', 'host'].includes(owner.config.ipcMode)) return owner
  throw new InvalidStateError(
    `cannot join IPC of container ${name}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    { code: 'INVALID_STATE', details: { container: owner.id } },
  )
}

async function openOwner(context: ContainerContext, kind: string, { id }: ContainerRecord): Promise<number> {
  const process = await openProcess(context, id)
  if (process) return process.fd
  throw new InvalidStateError(`cannot join ${kind} of a non running container: ${id}: start it first`, {
    code: 'INVALID_STATE',
    details: { container: id, to: 'running' },
  })
}
