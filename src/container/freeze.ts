import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { SyscallError } from '../errors/index.js'
import type { Freezer } from '../launch/cgroups.js'
import { invalidState, notRunning } from './container-errors.js'
import type { ContainerContext } from './context.js'
import { connect } from './dialogue.js'

/** A container that stands still until this is disposed of, or our process dies. */
export interface Frozen extends AsyncDisposable {
  /** Lets go of it. It goes on when nobody else holds it; doing it twice is harmless. */
  thaw(): Promise<void>
}

/** A process in the middle of a system call that cannot be interrupted stands still only after it. */
const stillMs = 10_000

/**
 * Makes everything in a running container stand still. Its supervisor holds it for our connection: it goes on with the
 * end of that, whatever happens to this process, and when it is killed. Several may hold one container at once.
 *
 * @throws {InvalidStateError} when it does not run, or does not stand still within ten seconds
 */
export async function freeze(
  context: Pick<ContainerContext, 'runRoot' | 'freezer'>,
  id: string,
  signal?: AbortSignal,
): Promise<Frozen> {
  signal?.throwIfAborted()
  const session = await connect(context, id)
  if (!session) throw notRunning(id, 'paused')
  let isHeld = true
  const thaw = async () => {
    if (!isHeld) return
    isHeld = false
    await session.hold(session.freeze(false))
    session.close()
  }
  try {
    const answer = await session.hold(session.freeze(true))
    if (!answer) throw notRunning(id, 'paused')
    if (answer.errno !== 0) throw notFrozen(id, answer.errno)
    await standingStill(context.freezer(id), id, signal)
  } catch (error) {
    await thaw()
    throw error
  }
  return { thaw, [Symbol.asyncDispose]: thaw }
}

// Mostly it is so at once; version 1 moves on only when it is looked at.
export async function standingStill(
  freezer: Freezer | undefined,
  id: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const deadline = performance.now() + stillMs; !isStill(freezer); await delay(1, undefined, { signal }))
    if (performance.now() > deadline)
      throw invalidState(`Cannot pause container ${id}: its processes do not stand still; try again`, {
        container: id,
        from: 'running',
        to: 'paused',
      })
}

/** One that has ended meanwhile, and its cgroup with it, moves no more. */
function isStill(freezer: Freezer | undefined): boolean {
  if (!freezer) return true
  try {
    return readFileSync(freezer.state, 'utf8').split('\n').includes(freezer.still)
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return true
    throw error
  }
}

export function notFrozen(id: string, number: number): SyscallError {
  return new SyscallError(`Cannot pause container ${id}: the freezer of its cgroup cannot be written`, {
    code: 'SYSCALL_FAILED',
    details: { container: id, syscall: 'write', number },
  })
}
