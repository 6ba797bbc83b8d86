import { native } from '../host/index.js'
import { launchError } from '../launch/failure.js'
import type { FailedFrame, records } from '../launch/protocol.gen.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { runDirectory } from './run-directory.js'

/** What is true of a container now, from its record and its run directory together. */
export type Observed =
  | { readonly status: 'created' }
  /** A supervisor is being launched, or has not yet confirmed the program. */
  | { readonly status: 'starting' }
  | Running
  /** The program has ended, and its supervisor starts it again. */
  | {
      readonly status: 'restarting'
      readonly outcome: Outcome
      /** Including the one that it waits for. */
      readonly restarts: number
      readonly restartAtNs: string
    }
  /** The program has ended; the store does not know yet. `supervisor`: whether one is still there, tearing down. */
  | { readonly status: 'ended'; readonly outcome: Outcome; readonly supervisor: 'finishing' | 'gone' | 'lost' }
  | { readonly status: 'exited'; readonly outcome: Outcome | undefined }
  | { readonly status: 'removing' }
  /** Its removal has failed. */
  | { readonly status: 'dead'; readonly outcome: Outcome | undefined }

export interface Running {
  readonly status: 'running'
  readonly pid: number
  readonly startedAtNs: string
  readonly paused: boolean
  /** How often its supervisor has started it again in this run. */
  readonly restarts: number
  /** When it ended before that; `'0'`: it has not. */
  readonly finishedAtNs: string
}

/** Whether it is the same process still: the number of one that was reaped may be another's, also of the same run. */
export function isSameProcess(before: Running, after: Observed): boolean {
  return after.status === 'running' && after.pid === before.pid && after.startedAtNs === before.startedAtNs
}

type RunRecord = Partial<Record<(typeof records)['state' | 'exit'][number], unknown>>

/** `status` of the record `state`. */
const restarting = 3

/**
 * Observes a container. The supervisor holds a lock while it lives, renames `state` into place when the program runs and
 * again, or `exit`, before it reaps it: so a process id read from `state` cannot have been reused while there is no `exit`
 * and `state` is the same.
 */
export function observe(context: Pick<ContainerContext, 'runRoot' | 'bootId'>, record: ContainerRecord): Observed {
  if (record.phase === 'created') return { status: 'created' }
  if (record.phase === 'removing') return { status: 'removing' }
  if (record.phase === 'exited' || record.phase === 'dead') return { status: record.phase, outcome: record.outcome }
  const [locked, state, exit] = readRun(context.runRoot, record.id)
  if (exit) {
    const outcome = withFailure(outcomeOf(exit), failureOf(exit), record.name)
    return { status: 'ended', outcome, supervisor: locked ? 'finishing' : 'gone' }
  }
  if (locked) return state ? observeAlive(state) : { status: 'starting' }
  return { status: 'ended', outcome: lostOutcome(record.bootId === context.bootId, state), supervisor: 'lost' }
}

function observeAlive(state: RunRecord): Observed {
  const restarts = Number(state.restarts)
  if (Number(state.status) === restarting)
    return { status: 'restarting', outcome: lastOutcome(state), restarts, restartAtNs: text(state.restartAtNs) }
  return {
    status: 'running',
    pid: Number(state.pid),
    startedAtNs: text(state.startedAtNs),
    paused: Number(state.paused) === 1,
    restarts,
    finishedAtNs: text(state.finishedAtNs),
  }
}

/** The outcome that an exit frame or record tells. */
export function outcomeOf(exit: RunRecord): Outcome {
  const logDropped = Number(exit.logDropped)
  return { ...endOf(exit, exit.status), ...(logDropped > 0 && { logDropped }) }
}

/** The same of a container that could not be started again, if there is such a failure: it says why. */
export function withFailure(outcome: Outcome, failure: FailedFrame | undefined, name: string): Outcome {
  if (!failure) return outcome
  return { ...outcome, error: launchError(failure, { steps: [] }, `cannot start container ${name} again`).message }
}

/** How the program ended that a record `state` waits to start again. */
function lastOutcome(state: RunRecord): Outcome {
  return endOf(state, state.exitStatus)
}

function endOf(record: RunRecord, code: unknown): Outcome {
  const status = Number(code)
  const restarts = Number(record.restarts)
  return {
    startedAtNs: text(record.startedAtNs),
    finishedAtNs: text(record.finishedAtNs),
    exitCode: Number(record.signaled) ? 128 + status : status,
    signal: Number(record.signaled) ? status : 0,
    oomKilled: Number(record.oomKilled) === 1,
    ...(restarts > 0 && { restarts }),
  }
}

function failureOf(exit: RunRecord): FailedFrame | undefined {
  if (exit.failedOpcode === undefined) return undefined
  return {
    type: 'failed',
    step: Number(exit.failedStep),
    opcode: Number(exit.failedOpcode),
    errno: Number(exit.failedErrno),
    section: Number(exit.failedSection),
    text: text(exit.failedSubject),
  }
}

/**
 * Nobody saw the end: the supervisor was killed (and the program with it, 137), or the machine went down (Docker's 255). One
 * that waited to be started again had ended before.
 */
export function lostOutcome(sameBoot: boolean, state: RunRecord | undefined): Outcome {
  if (state && Number(state.status) === restarting) return lastOutcome(state)
  const restarts = Number(state?.restarts ?? 0)
  return {
    startedAtNs: text(state?.startedAtNs),
    finishedAtNs: `${Date.now()}000000`,
    exitCode: sameBoot ? 137 : 255,
    signal: sameBoot ? 9 : 0,
    oomKilled: false,
    ...(restarts > 0 && { restarts }),
  }
}

const text = (value: unknown) => String(value ?? 0)

const runRecords = ['state', 'exit']

/** The lock is looked at before the records: a supervisor that ends in between has left its exit record. */
function readRun(runRoot: string, id: string) {
  const [locked, state, exit] = native().readLockedDirectory(runDirectory(runRoot, id), runRecords)
  return [locked, parseRecord(state), parseRecord(exit)] as const
}

/** A text record of `key value` lines; undefined when there is none. */
function parseRecord(lines: string | undefined): RunRecord | undefined {
  if (lines === undefined) return undefined
  const record: Record<string, string> = {}
  for (const line of lines.split('\n')) {
    const at = line.indexOf(' ')
    if (at > 0) record[line.slice(0, at)] = line.slice(at + 1)
  }
  return record
}
