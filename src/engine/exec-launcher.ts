import { closeSync, existsSync, rmdirSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import type { ContainerContext, ExecPipes, ExecRequest, LiveExec } from '../container/context.js'
import { configOf, execRecord, execSocket, execsDirectory, lockExecRecord } from '../container/exec-record.js'
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
  readonly ours: { readonly stdin: number | undefined; readonly stdout: number; readonly stderr: number }
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
  await stages.outbox.told()
  const plan = execPlan(stages, context, record, pid, request)
  const lock = lockExecRecord(context.runRoot, record.id, request.id, configOf(request))
  let pipes: Pipes | undefined
  let streams: ExecPipes | undefined
  try {
    if (!request.tty && !request.detached) pipes = openPipes(request.stdin)
    const what = `cannot exec in container ${record.name}`
    const launched = spawnSupervisor(plan, lock, [pidfd, ...(pipes?.theirs ?? [])], what)
    // Meanwhile there is nothing else to do. What is passed on has been duplicated already.
    if (pipes) closeAll(pipes.theirs)
    if (request.gathered) streams = pipes && streamsOf(pipes)
    const { session, pid: started, supervisorGone } = await launched
    streams ??= pipes && streamsOf(pipes)
    return { session, pid: started, supervisorGone, pipes: streams }
  } catch (error) {
    if (streams) for (const stream of Object.values(streams)) stream?.destroy()
    else if (pipes) closeAll(Object.values(pipes.ours))
    // With the lock held: nobody takes it for lost.
    await clearExec(stages, record, request.id, 'lost')
    throw failureOf(context, record, request, error)
  } finally {
    closeSync(lock)
  }
}

function streamsOf({ ours: { stdin, stdout, stderr } }: Pipes): ExecPipes {
  return {
    stdin: stdin === undefined ? undefined : new Socket({ fd: stdin, readable: false, writable: true }),
    stdout: new Socket({ fd: stdout, readable: true, writable: false }),
    stderr: new Socket({ fd: stderr, readable: true, writable: false }),
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
  const { path, lock, limits } = stages.journal
  return compileExec({
    id: record.id,
    process: requestedProcess(stages, context, record, request, pid),
    cgroups: directories,
    ownCgroup: execCgroup(directories, request.id),
    seccomp,
    directory: execsDirectory(context.runRoot, record.id),
    socket: execSocket(request.id),
    journal: { path, lock, ...limits, texts: execEvents(record, stages.images.labelsOf(record.image), request) },
    detached: request.detached,
    rows: request.rows,
    columns: request.columns,
    ...takeFault(),
  })
}

/** Docker tells that it was started all the same, and exits with 126 when the process could not be made what was asked for. */
function failureOf(context: ContainerContext, record: ContainerRecord, request: ExecRequest, error: unknown): unknown {
  if (!(error instanceof LaunchError) || context.closing.aborted) return error
  const words = execWords(request.command)
  if (!request.isTold) context.tell(record, `exec_create: ${words}`, { execID: request.id })
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
  tell?: () => void,
): Promise<void> {
  failpoint('exec.clear')
  if (state === 'ended' && !leaveExec(stages, record, exec)) return
  const cgroup = state === 'lost' ? cgroupOf(stages, record, exec) : undefined
  if (cgroup && existsSync(cgroup)) await runTeardown(compileExecTeardown(cgroup), record.id)
  removeSocket(stages, record, exec)
  tell?.()
  failpoint('exec.remove')
  // Last: as long as it is there, somebody finds what is left.
  removeFile(execRecord(stages.paths.runRoot, record.id, exec))
}

function removeSocket({ paths }: Stages, { id }: ContainerRecord, exec: string): void {
  removeFile(`${execsDirectory(paths.runRoot, id)}/${execSocket(exec)}`)
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const cgroupOf = (stages: Stages, { id }: ContainerRecord, exec: string) =>
  execCgroup(stages.cgroups.existing(id), exec)

/** See {@link ContainerContext.leaveExec}. @returns false while somebody is in it */
export function leaveExec(stages: Stages, record: ContainerRecord, exec: string): boolean {
  removeSocket(stages, record, exec)
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
