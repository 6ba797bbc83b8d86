import { abortable } from './abortable.js'
import type { ContainerContext } from './context.js'

const launches = new WeakMap<ContainerContext, Map<string, Promise<void>>>()

/**
 * Starts a container, while others of this process can wait for that: see {@link launchOver}.
 *
 * @param body records that it is started, and starts it
 */
export async function launching<Result>(
  context: ContainerContext,
  id: string,
  body: () => Promise<Result>,
): Promise<Result> {
  const all = launches.get(context) ?? new Map<string, Promise<void>>()
  launches.set(context, all)
  const result = body()
  const over = result.then(ignore, ignore)
  all.set(id, over)
  try {
    return await result
  } finally {
    if (all.get(id) === over) all.delete(id)
  }
}

export const isLaunching = (context: ContainerContext, id: string): boolean => launches.get(context)?.has(id) ?? false

/** Waits for the start of a container that is under way in this process. @returns false when there is none */
export async function launchOver(context: ContainerContext, id: string, signal?: AbortSignal): Promise<boolean> {
  const over = launches.get(context)?.get(id)
  if (over) await abortable(over, signal)
  return over !== undefined
}

function ignore(): void {}
