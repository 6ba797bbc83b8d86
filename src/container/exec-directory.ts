import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { native, readTextFile } from '../host/index.js'
import type { ContainerContext } from './context.js'
import { readRecord } from './observe.js'
import { runDirectory } from './run-directory.js'

// An exec has a directory in its container's run directory, and goes with that: `lock`, held by its supervisor while that
// lives, `config.json`, written before the process is made, `state` once its program runs, `exit` when it has ended, and `sock`.

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

/** An exec as its directory tells it. */
export type ObservedExec =
  /** Its supervisor is being launched, or has not confirmed the program yet. */
  | { readonly status: 'starting' }
  | { readonly status: 'running'; readonly config: ExecConfig; readonly pid: number }
  | { readonly status: 'exited'; readonly config: ExecConfig; readonly pid: number; readonly exitCode: number }
  /** Its supervisor was killed. `started`: while the program ran, and that with it. */
  | { readonly status: 'lost'; readonly started: boolean }

type Places = Pick<ContainerContext, 'runRoot'>

const execsDirectory = (runRoot: string, container: string) => `${runDirectory(runRoot, container)}/exec`

export const execDirectory = (runRoot: string, container: string, exec: string): string =>
  `${execsDirectory(runRoot, container)}/${exec}`

/** Makes an exec's directory, and gives its lock. */
export function lockExecDirectory(runRoot: string, container: string, exec: string): number {
  failpoint('exec.directory')
  const path = execDirectory(runRoot, container, exec)
  try {
    return native().makeLockedDirectory(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  // The first of this run.
  makeDirectory(execsDirectory(runRoot, container))
  return native().makeLockedDirectory(path)
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, 0o700)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Ids of a container's execs, oldest first. */
export function execIds({ runRoot }: Places, container: string): string[] {
  const directory = execsDirectory(runRoot, container)
  return entries(directory)
    .filter(isExecId)
    .map((id) => ({ id, madeMs: modifiedMs(`${directory}/${id}/lock`) }))
    .sort((a, b) => a.madeMs - b.madeMs)
    .map(({ id }) => id)
}

/** Ids of those that have not ended, as `docker inspect` of a container has them. */
export function unfinishedExecIds({ runRoot }: Places, container: string): string[] {
  return execIds({ runRoot }, container).filter((id) => {
    const status = observeExec({ runRoot }, container, id)?.status
    return status === 'running' || status === 'starting'
  })
}

export const isExecId = (name: string): boolean => /^[0-9a-f]{64}$/.test(name)

/** What is true of an exec now; undefined when there is no such exec. */
export function observeExec({ runRoot }: Places, container: string, exec: string): ObservedExec | undefined {
  const directory = execDirectory(runRoot, container, exec)
  // The lock is looked at before the records: a supervisor that ends in between has left its exit record.
  const isLocked = native().isLocked(`${directory}/lock`)
  if (isLocked === undefined) return undefined
  const state = readRecord(`${directory}/state`)
  const exit = readRecord(`${directory}/exit`)
  const config = state && readConfig(directory)
  const pid = Number(state?.pid)
  if (config && exit) {
    const status = Number(exit.status)
    return { status: 'exited', config, pid, exitCode: Number(exit.signaled) ? 128 + status : status }
  }
  if (!isLocked) return { status: 'lost', started: state !== undefined }
  return config ? { status: 'running', config, pid } : { status: 'starting' }
}

/** When an exec has ended; undefined when it has not. */
export function execEndedMs({ runRoot }: Places, container: string, exec: string): number | undefined {
  return modifiedMs(`${execDirectory(runRoot, container, exec)}/exit`) || undefined
}

const readConfig = (directory: string): ExecConfig | undefined => {
  const text = readTextFile(`${directory}/config.json`)
  return text === undefined ? undefined : JSON.parse(text)
}

const modifiedMs = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
