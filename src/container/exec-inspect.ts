import { parseDetachKeys } from './detach-keys.js'
import type { CreatedExec } from './exec-memory.js'
import type { ExecConfig, ObservedExec } from './exec-record.js'

/** `GET /exec/ID/json`: Docker's field names and forms. */
export interface ExecInspect {
  readonly ID: string
  readonly Running: boolean
  /** null until it has ended. */
  readonly ExitCode: number | null
  readonly ProcessConfig: {
    readonly tty: boolean
    readonly entrypoint: string
    readonly arguments: readonly string[]
    readonly privileged: boolean
    /** What was asked for. */
    readonly user?: string
  }
  readonly OpenStdin: boolean
  readonly OpenStderr: boolean
  readonly OpenStdout: boolean
  readonly CanRemove: boolean
  readonly ContainerID: string
  /** Bytes in base64; '' when the default was not changed. */
  readonly DetachKeys: string
  /** As the host sees it; also when it has ended. 0 while it is not started. */
  readonly Pid: number
}

/** An exec that there is something to tell about. */
export type TellableExec = Extract<ObservedExec | CreatedExec, { config: ExecConfig }>

export function inspectExec(container: string, exec: string, observed: TellableExec): ExecInspect {
  const { config, pid } = observed
  const [entrypoint = '', ...words] = config.command
  return {
    ID: exec,
    Running: observed.status === 'running',
    ExitCode: 'exitCode' in observed ? observed.exitCode : null,
    ProcessConfig: {
      tty: config.tty,
      entrypoint,
      arguments: words,
      privileged: config.privileged,
      ...(config.user !== '' && { user: config.user }),
    },
    OpenStdin: config.openStdin,
    OpenStderr: config.openStderr,
    OpenStdout: config.openStdout,
    CanRemove: false,
    ContainerID: container,
    DetachKeys: config.detachKeys === '' ? '' : parseDetachKeys(config.detachKeys).toString('base64'),
    Pid: pid,
  }
}
