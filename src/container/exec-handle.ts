import { setTimeout as delay } from 'node:timers/promises'
import { InvalidStateError, NotFoundError } from '../errors/index.js'
import type { Exit, Session } from '../launch/session.js'
import type { ContainerContext } from './context.js'
import { connectIn } from './dialogue.js'
import { type ExecInspect, inspectExec, type TellableExec } from './exec-inspect.js'
import { clearLostExec } from './exec-leftovers.js'
import { execSocket, execsDirectory, isExecId, observeExec, observeExecs } from './exec-record.js'
import { signalNumber } from './signals.js'

const SIGKILL = 9

/**
 * A process that was started in a container by `exec()`, in whichever process: a handle on what its record tells. What it
 * has left is there as long as this run of the container.
 *
 * @example
 * ```ts
 * const exec = await container.exec(['backup']).detach()
 * // later, or elsewhere:
 * const { Running, ExitCode } = await (await container.getExec(exec.id)).inspect()
 * ```
 */
export class Exec {
  readonly id: string
  /** The container's. */
  readonly containerId: string
  readonly #context: ContainerContext

  /** @internal */
  constructor(context: ContainerContext, containerId: string, id: string) {
    this.#context = context
    this.containerId = containerId
    this.id = id
  }

  /** What Docker's API tells of it. @throws {NotFoundError} EXEC_NOT_FOUND when the run of the container is over, or many later ones have ended */
  async inspect(): Promise<ExecInspect> {
    return inspectExec(this.containerId, this.id, await this.#observe())
  }

  /**
   * Sends it a signal, by name or number. SIGKILL, the default, goes to everything it has started as well.
   *
   * @throws {InvalidStateError} INVALID_STATE when it has ended
   */
  async kill(signal: string | number = 'SIGKILL'): Promise<void> {
    const number = signalNumber(signal)
    await this.#ask((session) => session.signal(number, { everyone: number === SIGKILL }))
  }

  /**
   * Sets the size of its terminal; one without is left as it is.
   *
   * @throws {InvalidStateError} INVALID_STATE when it has ended
   */
  async resize(rows: number, columns: number): Promise<void> {
    await this.#ask((session) => {
      session.send({ type: 'resize', rows, columns })
      // Answered, so that it was done.
      return session.signal(0)
    })
  }

  /** Resolves with its exit code (128 + n when signal n killed it) when it has ended. */
  async wait({ signal }: { readonly signal?: AbortSignal } = {}): Promise<number> {
    for (;;) {
      signal?.throwIfAborted()
      const now = await this.#observe()
      if (now.status === 'exited') return now.exitCode
      const session = await this.#connect()
      const exit = session && (await exitOf(session, signal))
      if (exit) return (exit.signaled ? 128 : 0) + exit.status
      await delay(2, undefined, { signal })
    }
  }

  /** Once it is known whether one that is being started runs. */
  async #observe(): Promise<TellableExec> {
    const { closing } = this.#context
    closing.throwIfAborted()
    for (;;) {
      const now = isRunning(this.#context, this.containerId)
        ? observeExec(this.#context, this.containerId, this.id)
        : undefined
      if (!now) throw noSuchExec(this.id)
      if (now.status === 'lost') {
        await clearLostExec(this.#context, this.containerId, this.id)
        throw noSuchExec(this.id)
      }
      if (now.status !== 'starting') return now
      await delay(2, undefined, { signal: closing })
    }
  }

  async #ask(request: (session: Session) => Promise<number | undefined>): Promise<void> {
    const now = await this.#observe()
    const session = now.status === 'running' ? await this.#connect() : undefined
    try {
      const errno = session && (await session.hold(request(session)))
      if (errno !== 0) throw notRunning(this.containerId, this.id)
    } finally {
      session?.close()
    }
  }

  #connect(): Promise<Session | undefined> {
    return connectIn(execsDirectory(this.#context.runRoot, this.containerId), execSocket(this.id))
  }
}

async function exitOf(session: Session, signal: AbortSignal | undefined): Promise<Exit | undefined> {
  const close = () => session.close()
  signal?.addEventListener('abort', close, { once: true })
  try {
    return await session.hold(session.exited)
  } finally {
    signal?.removeEventListener('abort', close)
    session.close()
  }
}

/** What is left of a run that is over tells nothing. */
const isRunning = (context: ContainerContext, container: string) =>
  context.containers.get(container)?.phase === 'started'

/** All of which there is something to tell. */
export async function listExecs(context: ContainerContext, container: string): Promise<Exec[]> {
  const found: Exec[] = []
  for (const { id, observed } of isRunning(context, container) ? observeExecs(context, container) : []) {
    if (observed.status === 'lost') await clearLostExec(context, container, id)
    else found.push(new Exec(context, container, id))
  }
  return found
}

/** @throws {NotFoundError} EXEC_NOT_FOUND */
export async function findExec(context: ContainerContext, container: string, id: string): Promise<Exec> {
  if (!isExecId(id) || !isRunning(context, container) || !observeExec(context, container, id)) throw noSuchExec(id)
  return new Exec(context, container, id)
}

const noSuchExec = (id: string) =>
  new NotFoundError(`No such exec instance: ${id}`, { code: 'EXEC_NOT_FOUND', details: { exec: id } })

const notRunning = (container: string, exec: string) =>
  new InvalidStateError(`exec ${exec} is not running: it has ended`, {
    code: 'INVALID_STATE',
    details: { container, exec, from: 'exited', to: 'exited' },
  })
