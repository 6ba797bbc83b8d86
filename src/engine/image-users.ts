import type { ContainerContext } from '../container/context.js'
import { settle } from '../container/settle.js'

/** Records how those containers of an image have ended that the store still takes for running. */
export async function settleUsers(context: ContainerContext, imageId: string): Promise<void> {
  const users = context.containers.list().filter(({ image, phase }) => image === imageId && phase === 'started')
  for (const record of users) await settle(context, record)
}
