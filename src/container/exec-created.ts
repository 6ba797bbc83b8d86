import { ConflictError, LaunchError, NotFoundError } from '../errors/index.js'
import type { ContainerContext } from './context.js'
import { type ExecOptions, type ExecProcess, launchDetached, requestOf, startWith } from './exec.js'
import { Exec } from './exec-handle.js'
import { type CreatedEntry, entryOf, findPlace, remember } from './exec-memory.js'
import { configOf, observeExec } from './exec-record.js'
import { type Present, presentFor } from './present.js'

/** What a start of an exec that was created before can say. */
export interface ExecStartOptions {
  /** Of its terminal. */
  readonly rows?: number
  readonly columns?: number
  /** Kills the process, and everything it has started. */
  readonly signal?: AbortSignal
}

/** Checks what is wanted, and starts nothing. */
export async function createExec(
  context: ContainerContext,
  id: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<Exec> {
  const request = { ...requestOf(command, options, 'streams'), isTold: true }
  const { record } = (await presentFor(context, id, 'exec')) as Present
  const state = { status: 'created', config: configOf(request), pid: 0 } as const
  remember(context, { container: id, attempt: record.attempt, options, request, state })
  context.tellExecCreated(record, request)
  return new Exec(context, id, request.id)
}

/** Starts one that was created in this process, and gives its streams. */
export function startCreated(
  context: ContainerContext,
  exec: string,
  { signal, ...size }: ExecStartOptions,
): Promise<ExecProcess> {
  return begun(context, exec, async (entry) => {
    const options = { ...entry.options, ...(signal && { signal }) }
    const result = await startWith(context, entry.container, { ...entry.request, ...size }, options)
    return { ...result, result }
  })
}

/** Starts one that was created in this process, and leaves it to itself. */
export function detachCreated(
  context: ContainerContext,
  exec: string,
  { signal, ...size }: ExecStartOptions,
): Promise<Exec> {
  return begun(context, exec, async (entry) => {
    const request = { ...entry.request, ...size, detached: true, stdin: false }
    const options = { ...entry.options, ...(signal && { signal }) }
    const started = await launchDetached(context, entry.container, request, options)
    return { result: started.exec, pid: started.live.pid, exit: started.exit }
  })
}

/** Starts one, once. One that the container's state keeps from that may be started later. */
async function begun<Result>(
  context: ContainerContext,
  exec: string,
  body: (entry: CreatedEntry) => Promise<{ result: Result; pid: number; exit: Promise<number> }>,
): Promise<Result> {
  const entry = entryOf(context, exec)
  if (entry?.state.status !== 'created') throw notStartable(context, exec, entry)
  const before = entry.state
  entry.state = { status: 'starting' }
  try {
    const { result, pid, exit } = await body(entry)
    entry.state = { status: 'begun' }
    void exit.then((exitCode) => {
      entry.state = { status: 'over', config: before.config, pid, exitCode }
    })
    return result
  } catch (error) {
    entry.state = cannotBe(error) ? { ...before, status: 'failed', exitCode: exitCodeOf(error) } : before
    throw error
  }
}

/** What it runs, or as whom, is not there: that does not change. */
const cannotBe = (error: unknown) =>
  error instanceof LaunchError || (error instanceof NotFoundError && error.code === 'USER_NOT_FOUND')

/** Where the engine's is 125, Docker's of an exec is 126. */
const exitCodeOf = (error: unknown) => (error instanceof LaunchError && error.exitCode === 127 ? 127 : 126)

function notStartable(context: ContainerContext, exec: string, entry: CreatedEntry | undefined): ConflictError {
  const isRunning = entry
    ? entry.state.status === 'starting' || entry.state.status === 'begun'
    : isRunningElsewhere(context, exec)
  return new ConflictError(`Exec command ${exec} ${isRunning ? 'is already running' : 'has already run'}`, {
    code: 'EXEC_STARTED',
    details: { exec },
  })
}

function isRunningElsewhere(context: ContainerContext, exec: string): boolean {
  const container = findPlace(context, exec)
  return container !== undefined && observeExec(context, container, exec)?.status === 'running'
}
