import { native, readTextFile } from '../host/index.js'
import type { records } from '../launch/protocol.gen.js'
import type { ContainerRecord, Outcome } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { runDirectory } from './run-directory.js'

/** What is true of a container now, from its record and its run directory together. */
export type Observed =
  | { readonly status: 'created' }
  /** A supervisor is being launched, or has not yet confirmed the program. */
  | { readonly status: 'starting' }
  | { readonly status: 'running'; readonly pid: number; readonly startedAtNs: string }
  /** The program has ended; the store does not know yet. `supervisor`: whether one is still there, tearing down. */
  | { readonly status: 'ended'; readonly outcome: Outcome; readonly supervisor: 'finishing' | 'gone' | 'lost' }
  | { readonly status: 'exited'; readonly outcome: Outcome | undefined }
  | { readonly status: 'removing' }

/**
 * Observes a container. The supervisor holds a lock while it lives, renames `state` into place when the program runs and
 * `exit` before it reaps it: so a process id read from `state` cannot have been reused while there is no `exit`.
 */
export function observe(context: ContainerContext, record: ContainerRecord): Observed {
  if (record.phase === 'created') return { status: 'created' }
  if (record.phase === 'removing') return { status: 'removing' }
  if (record.phase === 'exited') return { status: 'exited', outcome: record.outcome }
  const directory = runDirectory(context.runRoot, record.id)
  // The lock is looked at before the records: a supervisor that ends in between has left its exit record.
  const locked = native().isLocked(`${directory}/lock`)
  const state = readRecord(`${directory}/state`)
  const exit = readRecord(`${directory}/exit`)
  if (exit) return { status: 'ended', outcome: outcomeOf(exit, state), supervisor: locked ? 'finishing' : 'gone' }
  if (locked)
    return state
      ? { status: 'running', pid: Number(state.pid), startedAtNs: state.startedAtNs ?? '0' }
      : { status: 'starting' }
  return { status: 'ended', outcome: lostOutcome(record.bootId === context.bootId, state), supervisor: 'lost' }
}

type RunRecord = Partial<Record<(typeof records)['state' | 'exit'][number], string>>

/** The outcome that an exit frame or record tells. */
export function outcomeOf(
  exit: { signaled?: unknown; status?: unknown; oomKilled?: unknown; finishedAtNs?: unknown },
  state: { startedAtNs?: unknown } | undefined,
): Outcome {
  const status = Number(exit.status)
  return {
    startedAtNs: String(state?.startedAtNs ?? 0),
    finishedAtNs: String(exit.finishedAtNs),
    exitCode: Number(exit.signaled) ? 128 + status : status,
    signal: Number(exit.signaled) ? status : 0,
    oomKilled: Number(exit.oomKilled) === 1,
  }
}

/** Nobody saw the end: the supervisor was killed (and the program with it, 137), or the machine went down (Docker's 255). */
export function lostOutcome(sameBoot: boolean, state: { startedAtNs?: unknown } | undefined): Outcome {
  return {
    startedAtNs: String(state?.startedAtNs ?? 0),
    finishedAtNs: `${Date.now()}000000`,
    exitCode: sameBoot ? 137 : 255,
    signal: sameBoot ? 9 : 0,
    oomKilled: false,
  }
}

/** A text record of `key value` lines; undefined when there is none. */
function readRecord(path: string): RunRecord | undefined {
  const text = readTextFile(path)
  if (text === undefined) return undefined
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf(' ')
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : []
    }),
  )
}
