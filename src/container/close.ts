import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from './context.js'
import { remove } from './remove.js'

/** Removes a container with its anonymous volumes, running or not; nothing happens when it has gone. Who removes it already is waited for. */
export async function close(context: ContainerContext, id: string): Promise<void> {
  for (;;) {
    try {
      return await remove(context, id, { force: true, volumes: true })
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'CONTAINER_NOT_FOUND') return
      if (code !== 'CONTAINER_IN_USE') throw error
    }
    await delay(2, undefined, { signal: context.closing })
  }
}
