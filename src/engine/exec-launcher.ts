import { closeSync, existsSync, rmdirSync } from 'node:fs'
import type { ContainerContext, ExecRequest, LiveExec } from '../container/context.js'
import { type ExecConfig, execDirectory, lockExecDirectory } from '../container/exec-directory.js'
import { failpoint } from '../errors/failpoint.js'
import { LaunchError } from '../errors/index.js'
import { execEvents, execWords } from '../events/exec-events.js'
import { native } from '../host/index.js'
import { compileExec, compileExecTeardown, execCgroup } from '../launch/exec-plan.js'
import type { LaunchPlan } from '../launch/run-plan.js'
import type { ContainerRecord } from '../store/containers.js'
import { assembleExec, type Stages } from './assemble.js'
import { requestedProcess } from './exec-process.js'
import { spawnSupervisor, takeFault } from './launcher.js'
import { runTeardown } from './leftovers.js'

interface Pipes {
  readonly theirs: readonly number[]
  readonly ours: LiveExec['pipes']
}

/** Spawns a process that joins a running container. `pidfd` stays the caller's. */
export async function launchExec(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  pid: number,
  pidfd: number,
  request: ExecRequest,
): Promise<LiveExec> {
  const plan = execPlan(stages, context, record, pid, request)
  const lock = lockExecDirectory(context.runRoot, record.id, request.id)
  let pipes: Pipes = { theirs: [], ours: undefined }
  try {
    if (!request.tty && !request.detached) pipes = openPipes(request.stdin)
    const slots = [pidfd, ...pipes.theirs]
    const what = `cannot exec in container ${record.name}`
    const { session, pid: started, supervisorGone } = await spawnSupervisor(plan, lock, slots, what)
    return { session, pid: started, supervisorGone, pipes: pipes.ours }
  } catch (error) {
    if (pipes.ours) closeAll([pipes.ours.stdin, pipes.ours.stdout, pipes.ours.stderr])
    // With the lock held: nobody takes it for lost.
    await clearExec(stages, record, request.id, 'lost')
    throw failureOf(context, record, request, error)
  } finally {
    closeAll([lock, ...pipes.theirs])
  }
}

function execPlan(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  pid: number,
  request: ExecRequest,
): LaunchPlan {
  const { directories, seccomp } = assembleExec(stages, record)
  const directory = execDirectory(context.runRoot, record.id, request.id)
  const { path, lock, limits } = stages.journal
  return compileExec({
    id: record.id,
    process: requestedProcess(stages, context, record, request, pid),
    cgroups: directories,
    ownCgroup: execCgroup(directories, request.id),
    seccomp,
    directory,
    config: { path: `${directory}/config.json`, content: JSON.stringify(configOf(request)) },
    journal: { path, lock, ...limits, texts: execEvents(record, stages.images.labelsOf(record.image), request) },
    detached: request.detached,
    rows: request.rows,
    columns: request.columns,
    ...takeFault(),
  })
}

function configOf({ command, tty, privileged, user, stdin, detached, detachKeys }: ExecRequest): ExecConfig {
  const output = !detached
  return { command, tty, privileged, user, openStdin: stdin, openStdout: output, openStderr: output, detachKeys }
}

/** Docker tells that it was started all the same, and exits with 126 when the process could not be made what was asked for. */
function failureOf(context: ContainerContext, record: ContainerRecord, request: ExecRequest, error: unknown): unknown {
  if (!(error instanceof LaunchError) || context.closing.aborted) return error
  const words = execWords(request.command)
  context.tell(record, `exec_create: ${words}`, { execID: request.id })
  context.tell(record, `exec_start: ${words}`, { execID: request.id })
  if (error.details.operation !== 'working_directory') return error
  return new LaunchError(`chdir to cwd (${JSON.stringify(error.details.path)}) failed: ${error.message}`, {
    code: 'LAUNCH_FAILED',
    cause: error,
    details: { ...error.details, exitCode: 126 },
  })
}

/** See {@link ContainerContext.clearExec}. */
export async function clearExec(
  stages: Stages,
  record: ContainerRecord,
  exec: string,
  state: 'ended' | 'lost',
): Promise<void> {
  failpoint('exec.clear')
  if (state === 'ended' && !leaveExec(stages, record, exec)) return
  const cgroup = cgroupOf(stages, record, exec)
  if (cgroup && existsSync(cgroup)) await runTeardown(compileExecTeardown(cgroup), record.id)
  failpoint('exec.remove')
  await native().removeTree(execDirectory(stages.paths.runRoot, record.id, exec))
}

const cgroupOf = (stages: Stages, { id }: ContainerRecord, exec: string) =>
  execCgroup(stages.cgroups.existing(id), exec)

/** See {@link ContainerContext.leaveExec}. @returns false while somebody is in it */
export function leaveExec(stages: Stages, record: ContainerRecord, exec: string): boolean {
  const cgroup = cgroupOf(stages, record, exec)
  if (cgroup === undefined) return true
  try {
    rmdirSync(cgroup)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EBUSY') return false
    if (code === 'ENOENT') return true
    throw error
  }
}

/** The ends of a process's pipes; without stdin it reads an empty one. */
function openPipes(withStdin: boolean): Pipes {
  const open: number[] = []
  const pipe = () => {
    const ends = native().pipe()
    open.push(...ends)
    return ends
  }
  try {
    const [stdinRead, stdinWrite] = pipe()
    const [stdoutRead, stdoutWrite] = pipe()
    const [stderrRead, stderrWrite] = pipe()
    if (!withStdin) closeSync(stdinWrite)
    return {
      theirs: [stdinRead, stdoutWrite, stderrWrite],
      ours: { stdin: withStdin ? stdinWrite : undefined, stdout: stdoutRead, stderr: stderrRead },
    }
  } catch (error) {
    closeAll(open)
    throw error
  }
}

function closeAll(descriptors: readonly (number | undefined)[]): void {
  for (const descriptor of descriptors) if (descriptor !== undefined) closeSync(descriptor)
}
