import { setTimeout as delay } from 'node:timers/promises'
import { InvalidStateError, NotFoundError } from '../errors/index.js'
import type { Exit, Session } from '../launch/session.js'
import type { ContainerContext } from './context.js'
import { connectIn } from './dialogue.js'
import type { ExecProcess } from './exec.js'
import type { ExecStartOptions } from './exec-created.js'
import { type ExecInspect, inspectExec, type TellableExec } from './exec-inspect.js'
import { clearLostExec } from './exec-leftovers.js'
import { type CreatedExec, entryOf, findPlace, resizeCreated } from './exec-memory.js'
import { execSocket, execsDirectory, isExecId, type ObservedExec, observeExec, observeExecs } from './exec-record.js'
import { signalNumber } from './signals.js'

const SIGKILL = 9

/**
 * A process that was created or started in a container by `exec()`, in whichever process: a handle on what its record tells. What it
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

  /**
   * Starts one that `create()` has made, in the same process, and gives its streams: see {@link ExecBuilder.start}.
   *
   * @throws {ConflictError} EXEC_STARTED the second time; {InvalidStateError} INVALID_STATE; {LaunchError}
   */
  async start(options: ExecStartOptions = {}): Promise<ExecProcess> {
    this.#context.closing.throwIfAborted()
    const { startCreated } = await import('./exec-created.js')
    return startCreated(this.#context, this.id, options)
  }

  /** Starts one that `create()` has made, and leaves it to itself: see {@link ExecBuilder.detach}. @throws as {@link start} */
  async detach(options: ExecStartOptions = {}): Promise<void> {
    this.#context.closing.throwIfAborted()
    const { detachCreated } = await import('./exec-created.js')
    await detachCreated(this.#context, this.id, options)
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
   * Sets the size of its terminal, also of one that is not started yet; one without is left as it is.
   *
   * @throws {InvalidStateError} INVALID_STATE when it has ended
   */
  async resize(rows: number, columns: number): Promise<void> {
    if (resizeCreated(this.#context, this.id, rows, columns)) return
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
      if ('exitCode' in now) return now.exitCode
      if (now.status === 'created') throw notRunning(this.containerId, this.id, 'created')
      const session = await this.#connect()
      const exit = session && (await exitOf(session, signal))
      if (exit) return (exit.signaled ? 128 : 0) + exit.status
      await delay(2, undefined, { signal })
    }
  }

  /** Once it is known whether one that is being started runs. */
  async #observe(): Promise<TellableExec> {
    const { closing } = this.#context
    for (;;) {
      closing.throwIfAborted()
      const now = this.#look()
      if (!now) throw noSuchExec(this.id)
      if (now.status === 'lost') {
        await clearLostExec(this.#context, this.containerId, this.id)
        if (!entryOf(this.#context, this.id)) throw noSuchExec(this.id)
      } else if ('config' in now) return now
      await delay(2, undefined, { signal: closing })
    }
  }

  /** The record counts, as long as there is one. */
  #look(): ObservedExec | CreatedExec | undefined {
    const { state } = entryOf(this.#context, this.id) ?? {}
    const hasRecord = (state?.status ?? 'begun') === 'begun' || state?.status === 'over'
    const recorded =
      hasRecord && isRunning(this.#context, this.containerId)
        ? observeExec(this.#context, this.containerId, this.id)
        : undefined
    return recorded ?? state
  }

  async #ask(request: (session: Session) => Promise<number | undefined>): Promise<void> {
    const now = await this.#observe()
    if (now.status === 'created') throw notRunning(this.containerId, this.id, 'created')
    const session = now.status === 'running' ? await this.#connect() : undefined
    try {
      const errno = session && (await session.hold(request(session)))
      if (errno !== 0) throw notRunning(this.containerId, this.id, 'exited')
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
  const isThere =
    entryOf(context, id)?.container === container ||
    (isExecId(id) && isRunning(context, container) && observeExec(context, container, id) !== undefined)
  if (!isThere) throw noSuchExec(id)
  return new Exec(context, container, id)
}

/** The same of whichever container. @throws {NotFoundError} EXEC_NOT_FOUND */
export async function findExecAnywhere(context: ContainerContext, id: string): Promise<Exec> {
  const container = findPlace(context, id)
  if (container === undefined) throw noSuchExec(id)
  return findExec(context, container, id)
}

const noSuchExec = (id: string) =>
  new NotFoundError(`No such exec instance: ${id}`, { code: 'EXEC_NOT_FOUND', details: { exec: id } })

function notRunning(container: string, exec: string, from: 'created' | 'exited'): InvalidStateError {
  const why = from === 'created' ? 'it has not been started' : 'it has ended'
  return new InvalidStateError(`exec ${exec} is not running: ${why}`, {
    code: 'INVALID_STATE',
    details: { container, exec, from, to: 'exited' },
  })
}
