import { mkdirSync, readdirSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { native, readTextFile } from '../host/index.js'
import type { ContainerContext, ExecRequest } from './context.js'
import { runDirectory } from './run-directory.js'

// An exec has one file in `exec` of its container's run directory, and that goes with the directory. Its supervisor holds the
// file's lock while it lives, and appends to it. Each line is JSON: what was asked for, there before anybody sees the file;
// once the program runs, its pids; how it has ended. Beside it is the supervisor's socket, as long as there is a supervisor.

/** What is known of an exec before it runs. */
export interface ExecConfig {
  readonly command: readonly string[]
  readonly tty: boolean
  readonly privileged: boolean
  readonly user: string
  readonly openStdin: boolean
  readonly openStdout: boolean
  readonly openStderr: boolean
  /** What was asked for; '' Docker's. */
  readonly detachKeys: string
}

/** What an exec's record tells of what was asked for. */
export function configOf(request: ExecRequest): ExecConfig {
  const { command, tty, privileged, user, stdin, stdout, stderr, detachKeys } = request
  return { command, tty, privileged, user, openStdin: stdin, openStdout: stdout, openStderr: stderr, detachKeys }
}

/** An exec as its record tells it. */
export type ObservedExec =
  /** Its supervisor is being launched, or has not confirmed the program yet. */
  | { readonly status: 'starting' }
  | { readonly status: 'running'; readonly config: ExecConfig; readonly pid: number }
  | ExitedExec
  /** Its supervisor was killed. `started`: while the program ran, and that with it. */
  | { readonly status: 'lost'; readonly started: boolean }

interface ExitedExec {
  readonly status: 'exited'
  readonly config: ExecConfig
  readonly pid: number
  readonly exitCode: number
  readonly finishedAtNs: bigint
}

/** The lines of a record. */
type RecordLines = readonly [
  made: { readonly madeAtMs: number; readonly config: ExecConfig },
  started?: { readonly pid: number },
  exited?: { readonly signaled: number; readonly status: number; readonly finishedAtNs: string },
]

type Places = Pick<ContainerContext, 'runRoot'>

/** Where the records and sockets of a container's execs are. */
export const execsDirectory = (runRoot: string, container: string): string => `${runDirectory(runRoot, container)}/exec`

export const execRecord = (runRoot: string, container: string, exec: string): string =>
  `${execsDirectory(runRoot, container)}/${exec}`

/** The name of an exec's socket, beside its record. */
export const execSocket = (exec: string): string => `${exec}.sock`

/** Makes an exec's record, and gives its lock, through which it is appended to. */
export function lockExecRecord(runRoot: string, container: string, exec: string, config: ExecConfig): number {
  failpoint('exec.record')
  const path = execRecord(runRoot, container, exec)
  const made: RecordLines[0] = { madeAtMs: performance.timeOrigin + performance.now(), config }
  const line = `${JSON.stringify(made)}\n`
  try {
    return native().makeLockedFile(path, line)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  // The first of this run.
  makeDirectory(execsDirectory(runRoot, container))
  return native().makeLockedFile(path, line)
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, 0o700)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** What is true of a container's execs now, oldest first. */
export function observeExecs({ runRoot }: Places, container: string): { id: string; observed: ObservedExec }[] {
  return entries(execsDirectory(runRoot, container))
    .filter(isExecId)
    .flatMap((id) => {
      const read = readExec(execRecord(runRoot, container, id))
      return read ? { id, madeAtMs: read.lines[0].madeAtMs, observed: observed(read) } : []
    })
    .sort((a, b) => a.madeAtMs - b.madeAtMs)
}

/** Ids of those that have not ended, as `docker inspect` of a container has them. */
export function unfinishedExecIds(places: Places, container: string): string[] {
  return observeExecs(places, container)
    .filter(({ observed: { status } }) => status === 'running' || status === 'starting')
    .map(({ id }) => id)
}

export const isExecId = (name: string): boolean => /^[0-9a-f]{64}$/.test(name)

/** What is true of an exec now; undefined when there is no such exec. */
export function observeExec({ runRoot }: Places, container: string, exec: string): ObservedExec | undefined {
  const read = readExec(execRecord(runRoot, container, exec))
  return read && observed(read)
}

interface ReadExec {
  readonly isLocked: boolean
  readonly lines: RecordLines
}

function observed({ isLocked, lines: [{ config }, started, exited] }: ReadExec): ObservedExec {
  if (started && exited) {
    const exitCode = (exited.signaled ? 128 : 0) + exited.status
    return { status: 'exited', config, pid: started.pid, exitCode, finishedAtNs: BigInt(exited.finishedAtNs) }
  }
  if (!isLocked) return { status: 'lost', started: started !== undefined }
  return started ? { status: 'running', config, pid: started.pid } : { status: 'starting' }
}

function readExec(path: string): ReadExec | undefined {
  // The lock is looked at before the record: a supervisor that ends in between has told of the exit.
  const isLocked = native().isLocked(path)
  const text = isLocked === undefined ? undefined : readTextFile(path)
  if (isLocked === undefined || text === undefined) return undefined
  // What is being appended, or was when its writer was killed, has no end yet.
  const lines = text.split('\n').slice(0, -1)
  return { isLocked, lines: lines.map((line) => JSON.parse(line)) as unknown as RecordLines }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
