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

/** The same for several: they stand still until this is disposed of, and as long as this process lives at most. */
export async function standStill(
  context: ContainerContext,
  ids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<AsyncDisposable> {
  const frozen: Frozen[] = []
  const thaw = async () => {
    await Promise.all(frozen.map((one) => one.thaw()))
  }
  try {
    for (const id of ids) {
      const one = await freezeRunning(context, id, signal)
      if (one) frozen.push(one)
    }
    return { [Symbol.asyncDispose]: thaw }
  } catch (error) {
    await thaw()
    throw error
  }
}
