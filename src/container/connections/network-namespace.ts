import { closeSync, openSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../../host/index.js'
import { invalidState } from '../container-errors.js'
import type { ContainerContext } from '../context.js'
import { openProcess } from '../kill.js'
import { present } from '../present.js'

/**
 * Runs `use` with a descriptor of the network namespace that a container's program is in: its own, another container's or the host's.
 * What is made there stays there; the descriptor is closed afterwards, since it would keep all that is in the namespace.
 *
 * @throws {NotFoundError} CONTAINER_NOT_FOUND; {InvalidStateError} INVALID_STATE when it does not run
 */
export async function inNetwork<Result>(
  context: ContainerContext,
  id: string,
  use: (namespace: number) => Result,
): Promise<Result> {
  const namespace = await openNetwork(context, id)
  try {
    return use(namespace)
  } finally {
    closeSync(namespace)
  }
}

const patienceMs = 10_000

async function openNetwork(context: ContainerContext, id: string): Promise<number> {
  for (const deadline = performance.now() + patienceMs; ; await delay(2)) {
    const opened = await openOnce(context, id)
    if (opened !== undefined) return opened
    const { record, status: from } = await present(context, id)
    // Its program has ended, and been started again, while we looked.
    if (from === 'running' && performance.now() < deadline) continue
    const what = `Container ${record.name} is not running, and nothing can be connected in it`
    throw invalidState(`${what}: it is ${from}`, { container: id, from, to: 'connected' })
  }
}

/** Undefined: it does not run, or has ended meanwhile. */
async function openOnce(context: ContainerContext, id: string): Promise<number | undefined> {
  const process = await openProcess(context, id)
  if (!process) return undefined
  let namespace: number | undefined
  try {
    namespace = openNamespace(process.pid)
    // While it can be signalled it has not been reaped: its number was its own all the time.
    native().pidfdSignal(process.fd, 0)
    return namespace
  } catch (error) {
    if (namespace !== undefined) closeSync(namespace)
    if (!hasEnded(error)) throw error
    return undefined
  } finally {
    closeSync(process.fd)
  }
}

const hasEnded = (error: unknown) => ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')

/** Of any thread, as the first may have ended before the others. */
function openNamespace(pid: number): number {
  let ended: unknown
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      return openSync(`/proc/${pid}/task/${thread}/ns/net`, 'r')
    } catch (error) {
      if (!hasEnded(error)) throw error
      ended = error
    }
  }
  throw ended
}
