import type { ContainerContext } from './context.js'
import { settledNow } from './files.js'
import { type Frozen, freeze } from './freeze.js'

/** Makes a container stand still, if it runs; undefined for one that does not (any more). */
export async function freezeRunning(
  context: ContainerContext,
  id: string,
  signal: AbortSignal | undefined,
): Promise<Frozen | undefined> {
  const isRunning = async () => (await settledNow(context, id))?.status === 'running'
  if (!(await isRunning())) return undefined
  try {
    return await freeze(context, id, signal)
  } catch (error) {
    if ((error as { code?: string }).code !== 'INVALID_STATE' || (await isRunning())) throw error
    return undefined
  }
}
