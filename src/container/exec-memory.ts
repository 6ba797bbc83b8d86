import { readdirSync } from 'node:fs'
import type { ContainerContext, ExecRequest } from './context.js'
import type { ExecOptions } from './exec.js'
import { type ExecConfig, isExecId, observeExec } from './exec-record.js'

// What is known of execs that were created in this process before they are started, and that no record tells (any more).

/** An exec that this process has created. */
export type CreatedExec =
  | { readonly status: 'created'; readonly config: ExecConfig; readonly pid: 0 }
  | { readonly status: 'starting' }
  | { readonly status: 'failed'; readonly config: ExecConfig; readonly pid: 0; readonly exitCode: number }
  /** It has a record, as long as the run of its container. */
  | { readonly status: 'begun' }
  /** How it has ended, when that record is gone. */
  | { readonly status: 'over'; readonly config: ExecConfig; readonly pid: number; readonly exitCode: number }

/** What is to be started later. */
export interface CreatedEntry {
  readonly container: string
  /** Of the container's runs. */
  readonly attempt: number
  readonly options: ExecOptions
  request: ExecRequest
  state: CreatedExec
}

const mostRemembered = 1024

const created = new WeakMap<ContainerContext, Map<string, CreatedEntry>>()

function entriesOf(context: ContainerContext): Map<string, CreatedEntry> {
  const all = created.get(context) ?? new Map<string, CreatedEntry>()
  created.set(context, all)
  return all
}

/** Remembers one, at the cost of the oldest of too many. */
export function remember(context: ContainerContext, entry: CreatedEntry): void {
  const all = entriesOf(context)
  const oldest = all.size < mostRemembered ? undefined : [...all].find(([, { state }]) => state.status !== 'starting')
  if (oldest) all.delete(oldest[0])
  all.set(entry.request.id, entry)
}

function isCurrent({ containers }: ContainerContext, { container, attempt }: CreatedEntry): boolean {
  const record = containers.get(container)
  return record?.phase === 'started' && record.attempt === attempt
}

/** Undefined: it was made elsewhere, or its container's run is over and it was not started. */
export function entryOf(context: ContainerContext, exec: string): CreatedEntry | undefined {
  const all = created.get(context)
  const entry = all?.get(exec)
  if (entry?.state.status !== 'created' || isCurrent(context, entry)) return entry
  all?.delete(exec)
  return undefined
}

/** The size that the terminal of one that is not started begins with. @returns false when it is started */
export function resizeCreated(context: ContainerContext, exec: string, rows: number, columns: number): boolean {
  const entry = entryOf(context, exec)
  if (entry?.state.status !== 'created') return false
  entry.request = { ...entry.request, rows, columns }
  return true
}

/** The container of an exec, in whichever process that was made; undefined when there is no such exec. */
export function findPlace(context: ContainerContext, exec: string): string | undefined {
  const entry = entryOf(context, exec)
  if (entry) return entry.container
  if (!isExecId(exec)) return undefined
  return readdirSync(context.runRoot).find(
    (container) => isExecId(container) && observeExec(context, container, exec) !== undefined,
  )
}
