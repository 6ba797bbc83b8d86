import { closeSync } from 'node:fs'
import type { ContainerContext, ExecRequest, LiveExec, StartStreams } from '../container/context.js'
import { native, supervisorExecutable } from '../host/index.js'
import { compileExec } from '../launch/exec-plan.js'
import { launchError, supervisorLost } from '../launch/failure.js'
import { compileRun, type Fault, type LaunchPlan } from '../launch/run-plan.js'
import { Session } from '../launch/session.js'
import { compileTeardown } from '../launch/teardown-plan.js'
import type { ContainerRecord } from '../store/containers.js'
import { assemble, assemblePlaces, type Stages } from './assemble.js'
import { requestedProcess } from './exec-process.js'

type Launched = Awaited<ReturnType<ContainerContext['launch']>>

/** Failpoints of tests: where the next plan fails. */
export const faults: { next: Fault | undefined } = { next: undefined }

/** Spawns the supervisor of a container and waits until its program runs. The lock is closed in any case. */
export async function launchContainer(
  stages: Stages,
  record: ContainerRecord,
  lock: number,
  streams: StartStreams,
): Promise<Launched> {
  try {
    await prepareFiles(stages, record)
    const plan = compileRun({ ...assemble(stages, record, streams), ...takeFault() })
    return await spawnSupervisor(plan, lock, [], `cannot start container ${record.name}`)
  } finally {
    closeSync(lock)
  }
}

async function prepareFiles({ images, snapshots, paths }: Stages, record: ContainerRecord): Promise<void> {
  const { chain } = images.resolve(record.image)
  await snapshots.prepareInit(chain)
  await snapshots.prepareContainer(chain, `${paths.containers}/${record.id}`)
}

function takeFault(): { fault?: Fault } {
  const fault = faults.next
  faults.next = undefined
  return fault ? { fault } : {}
}

async function spawnSupervisor(
  plan: LaunchPlan,
  lock: number,
  slots: readonly number[],
  what: string,
): Promise<Launched> {
  const { pid: supervisorPid, status } = await native().spawn(
    supervisorExecutable(),
    'inboard-supervisor',
    plan.bytes,
    lock,
    slots,
  )
  const session = Session.fromDescriptor(status)
  const supervisorGone = session.closed.then(async () => {
    if (!session.released) await native().reap(supervisorPid)
  })
  const first = await session.started
  if (first?.kind === 'started') return { session, pid: first.pid, startedAtNs: first.startedAtNs, supervisorGone }
  await supervisorGone
  throw first ? launchError(first.failure, plan.steps, what) : supervisorLost(what)
}

/** Spawns a process that joins a running container. `pidfd` stays the caller's. */
export async function launchExec(
  stages: Stages,
  record: ContainerRecord,
  pid: number,
  pidfd: number,
  request: ExecRequest,
): Promise<LiveExec> {
  const assembled = assemble(stages, record, { attached: false, rows: 0, columns: 0 })
  const plan = compileExec({
    id: record.id,
    process: requestedProcess(stages, record, request, pid),
    cgroups: assembled.cgroups,
    seccomp: assembled.seccomp,
    rows: request.rows,
    columns: request.columns,
    ...takeFault(),
  })
  const { theirs, ours } = request.tty ? { theirs: [], ours: undefined } : openPipes(request.stdin)
  // An exec has no records for anyone to find: the lock it is given is nobody's.
  const lock = native().memfdSealed('exec', new Uint8Array(0))
  try {
    const { session, pid: started } = await spawnSupervisor(
      plan,
      lock,
      [pidfd, ...theirs],
      `cannot exec in container ${record.name}`,
    )
    return { session, pid: started, pipes: ours }
  } catch (error) {
    if (ours) for (const fd of [ours.stdin, ours.stdout, ours.stderr]) if (fd !== undefined) closeSync(fd)
    throw error
  } finally {
    for (const fd of [lock, ...theirs]) closeSync(fd)
  }
}

/** The ends of a process's pipes; without stdin it reads an empty one. */
function openPipes(withStdin: boolean): { theirs: number[]; ours: NonNullable<LiveExec['pipes']> } {
  const [stdinRead, stdinWrite] = native().pipe()
  const [stdoutRead, stdoutWrite] = native().pipe()
  const [stderrRead, stderrWrite] = native().pipe()
  if (!withStdin) closeSync(stdinWrite)
  return {
    theirs: [stdinRead, stdoutWrite, stderrWrite],
    ours: { stdin: withStdin ? stdinWrite : undefined, stdout: stdoutRead, stderr: stderrRead },
  }
}

/** Does a dead supervisor's teardown. */
export async function teardownContainer(stages: Stages, record: ContainerRecord): Promise<void> {
  const { cgroups, paths } = assemblePlaces(stages, record)
  const bytes = compileTeardown({ cgroups, paths, remove: record.config.rm })
  const lock = native().memfdSealed('teardown', new Uint8Array(0))
  try {
    const { pid, status } = await native().spawn(supervisorExecutable(), 'inboard-supervisor', bytes, lock, [])
    const session = Session.fromDescriptor(status)
    await session.closed
    await native().reap(pid)
  } finally {
    closeSync(lock)
  }
}
