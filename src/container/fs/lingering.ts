import type { ContainerTree } from '../container-tree.js'
import type { ContainerContext } from '../context.js'

/** So long the files of a container at rest stay mounted for the next call, which then costs a tenth. */
const lingerMs = 100

interface Lingering {
  readonly leave: () => void
  readonly over: Promise<void>
}

const lingering = new WeakMap<ContainerContext, Map<string, Lingering>>()

/** Ends the use of a tree; what is mounted for it stays for a moment, unless the container starts or is removed. */
export async function leaveTree(context: ContainerContext, id: string, tree: ContainerTree): Promise<void> {
  const all = lingering.get(context) ?? new Map<string, Lingering>()
  lingering.set(context, all)
  if (!tree.isAtRest || all.has(id) || context.closing.aborted) return tree.end()
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const over = context.working(undefined, async (stop) => {
    const timer = setTimeout(leave, lingerMs)
    stop.addEventListener('abort', leave)
    await left
    clearTimeout(timer)
    all.delete(id)
    await tree.end()
  })
  // Who could not undo it has seen to it that it is looked at again.
  all.set(id, { leave, over: over.catch(() => {}) })
}

/** Has the files of a container unmounted that are kept for the next call only. */
export async function letGo(context: ContainerContext, id: string): Promise<void> {
  const kept = lingering.get(context)?.get(id)
  kept?.leave()
  await kept?.over
}
