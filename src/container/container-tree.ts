import { close, closeSync, openSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { native, O_DIRECTORY, O_PATH, O_RDONLY } from '../host/index.js'
import { noSuchContainer } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { connect } from './dialogue.js'
import { settledNow } from './files.js'
import { openProcess } from './kill.js'
import { clearHeld, clearRun, lockRunDirectory, markCopied } from './run-directory.js'
import { SharedTree } from './shared-tree.js'

/** The files of a container with all that is mounted in it, which stay as long as they are open, whatever becomes of the container. */
export interface ContainerTree {
  /** A descriptor of the root. */
  readonly root: number
  /** What is mounted is what the container itself sees: also its tmpfs, and the kernel's filesystems. */
  readonly isRunning: boolean
  /** It does not run, and nothing but this keeps it from being started. */
  readonly isAtRest: boolean
  /** Called once. */
  end(): Promise<void>
}

const closeLater = promisify(close)

const stopped = new WeakMap<ContainerContext, Map<string, SharedTree<ContainerTree>>>()

/**
 * Opens the files of a container: those that its processes see while it runs, else its root with its volumes, mounted where
 * nobody else sees it. Such a one does not start, and is not removed, before they are closed.
 *
 * @throws {NotFoundError} CONTAINER_NOT_FOUND; {LaunchError} when they cannot be mounted
 */
export async function openContainerTree(
  context: ContainerContext,
  id: string,
  signal: AbortSignal,
): Promise<ContainerTree> {
  signal.throwIfAborted()
  // It has ended, or begun, while we looked.
  for (;;) {
    const tree = (await openRunning(context, id)) ?? (await openStopped(context, id, signal))
    if (tree) return tree
    await delay(2, undefined, { signal })
  }
}

async function openRunning(context: ContainerContext, id: string): Promise<ContainerTree | undefined> {
  const process = await openProcess(context, id)
  if (process === undefined) return undefined
  let view: ReturnType<typeof openView> | undefined
  try {
    view = openView(process.pid)
    // While it can be signalled it has not been reaped: its number was its own all the time.
    native().pidfdSignal(process.fd, 0)
    return { ...view, isRunning: true, isAtRest: false }
  } catch (error) {
    await view?.end()
    if (!hasEnded(error)) throw error
    return undefined
  } finally {
    closeSync(process.fd)
  }
}

const hasEnded = (error: unknown) => ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')

/** The root of a process: of any thread, as the first may have ended before the others. */
export function openView(pid: number): Pick<ContainerTree, 'root' | 'end'> {
  let ended: unknown
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      return openThread(`/proc/${pid}/task/${thread}`)
    } catch (error) {
      if (!hasEnded(error)) throw error
      ended = error
    }
  }
  throw ended
}

/** What is mounted there stays mounted with its namespace. */
function openThread(thread: string): Pick<ContainerTree, 'root' | 'end'> {
  const root = openSync(`${thread}/root`, O_PATH | O_DIRECTORY)
  try {
    const namespace = openSync(`${thread}/ns/mnt`, O_RDONLY)
    const end = async () => {
      closeSync(root)
      // Letting go of an overlay writes out what was changed in it, which takes as long as that is: not on this thread.
      await closeLater(namespace)
    }
    return { root, end }
  } catch (error) {
    closeSync(root)
    throw error
  }
}

/** One for all copies of this process: two overlays over the same directories know nothing of each other's changes. */
function openStopped(context: ContainerContext, id: string, signal: AbortSignal): Promise<ContainerTree | undefined> {
  const trees = stopped.get(context) ?? new Map<string, SharedTree<ContainerTree>>()
  stopped.set(context, trees)
  let tree = trees.get(id)
  if (tree === undefined) {
    tree = new SharedTree(
      (stop) => mount(context, id, stop),
      () => trees.delete(id),
    )
    trees.set(id, tree)
  }
  return tree.use(signal)
}

/** Undefined when it is running by now. */
async function mount(context: ContainerContext, id: string, signal: AbortSignal): Promise<ContainerTree | undefined> {
  for (;;) {
    signal.throwIfAborted()
    const now = await settledNow(context, id)
    if (now === undefined || now.status === 'removing') throw noSuchContainer(id)
    // Its supervisor has the run directory, and starts it again when it is time.
    if (now.status === 'restarting') return mountBetween(context, id, signal)
    if (now.status === 'running' || now.status === 'starting') return undefined
    const lock = lockRunDirectory(context.runRoot, id)
    if (lock !== undefined) return mountHeld(context, id, lock, signal)
    // Another process is between two of its steps, or copies as well: nothing tells when it has done.
    if (!(await clearRun(context, id, false))) await delay(2, undefined, { signal })
  }
}

/** Its supervisor waits with the next start as long as it is asked to. */
async function mountBetween(
  context: ContainerContext,
  id: string,
  signal: AbortSignal,
): Promise<ContainerTree | undefined> {
  const session = await connect(context, id)
  try {
    const answer = await session?.hold(session.freeze(true))
    if (answer?.errno === 0 && (await settledNow(context, id))?.status === 'restarting') {
      const { root, end } = await context.mountRoot(id, signal)
      return { root, isRunning: false, isAtRest: false, end: () => end().finally(() => session?.close()) }
    }
  } catch (error) {
    session?.close()
    throw error
  }
  session?.close()
  return undefined
}

/** With the run directory locked: nobody starts it meanwhile. */
async function mountHeld(
  context: ContainerContext,
  id: string,
  lock: number,
  signal: AbortSignal,
): Promise<ContainerTree | undefined> {
  const release = () =>
    clearHeld(context, id, false)
      .catch((error) => {
        context.lookAgain(id, context.containers.get(id))
        throw error
      })
      .finally(() => closeSync(lock))
  try {
    markCopied(context.runRoot, id)
    const phase = context.containers.get(id)?.phase
    if (phase === undefined || phase === 'started' || phase === 'removing') {
      await release()
      return undefined
    }
    const { root, end } = await context.mountRoot(id, signal)
    return { root, isRunning: false, isAtRest: true, end: () => end().finally(release) }
  } catch (error) {
    await release().catch(() => {})
    throw error
  }
}
