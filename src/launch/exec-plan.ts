import type { Process } from '../spec/types.js'
import type { ContainerCgroups } from './cgroups.js'
import { type JournalPlan, writeJournal } from './journal-plan.js'
import { writeProcess } from './process-steps.js'
import { PlanWriter, stdioFlags, stdioKinds } from './protocol.gen.js'
import type { Fault, LaunchPlan } from './run-plan.js'
import { planFault } from './run-plan.js'

const CLONE_NEWPID = 0x20000000
const others = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x40000000

export interface ExecPlanInput {
  /** The container's. */
  readonly id: string
  readonly process: Process
  readonly cgroups: ContainerCgroups['directories']
  /** The exec's own below the container's cgroup of version 2, where there is one. */
  readonly ownCgroup: string | undefined
  readonly seccomp: Uint8Array | undefined
  /** Where its record is, whose lock the engine holds. */
  readonly directory: string
  /** The name of its socket there. */
  readonly socket: string
  readonly journal: JournalPlan
  /** Nobody reads what it writes; with pipes it has none. */
  readonly detached: boolean
  /** Size of the terminal. */
  readonly rows: number
  readonly columns: number
  readonly fault?: Fault
}

/** The slots that an exec's plan expects: the container's pidfd, then descriptors 0-2 (not with a terminal). */
const execSlots = { pidfd: 0, stdin: 1, stdout: 2, stderr: 3 } as const

/** Compiles a process that joins a running container: its cgroups and namespaces first, then as the first process does. */
export function compileExec(input: ExecPlanInput): LaunchPlan {
  const { id, process, cgroups, seccomp, directory, socket, fault } = input
  const plan = new PlanWriter()
  plan.section('prepare')
  plan.title({ text: `exec ${id.slice(0, 10)}` })
  writeJournal(plan, input.journal)
  writeOwnCgroup(plan, input)
  writeStdio(plan, input)
  plan.setns({ slot: execSlots.pidfd, flags: CLONE_NEWPID })
  plan.clone({ flags: 0, cgroup: input.ownCgroup ?? '' })
  // What takes no part in making the process is done while that goes on; nothing of the program runs without it.
  plan.section('beside')
  plan.execRecord({ directory, socket })
  plan.release()
  plan.section('container')
  for (const { join, version } of cgroups) if (version === 1) plan.cgroupJoin({ path: join })
  plan.setns({ slot: execSlots.pidfd, flags: others })
  plan.awaitRelease()
  writeProcess(plan, { process, seccomp, keyring: `_ses.${id}`, createWorkingDirectory: false, bindConsole: false })
  plan.section('teardown')
  plan.removeFile({ path: `${directory}/${socket}` })
  if (input.ownCgroup !== undefined) plan.cgroupLeave({ path: input.ownCgroup })
  return { bytes: plan.finish({ mode: 'exec', ...planFault(fault) }), steps: plan.names }
}

/** What is killed with it: its children may have left its session, but not its cgroup. */
function writeOwnCgroup(plan: PlanWriter, { cgroups, ownCgroup }: ExecPlanInput): void {
  if (ownCgroup !== undefined) {
    plan.ownCgroup({ path: ownCgroup, session: 0 })
    plan.makeDirectory({ path: ownCgroup, mode: 0o755, existOk: 0 })
  } else if (cgroups[0]) plan.ownCgroup({ path: cgroups[0].path, session: 1 })
}

function writeStdio(plan: PlanWriter, { process, detached, rows, columns }: ExecPlanInput): void {
  const attached = stdioFlags.attached | stdioFlags.backpressure | stdioFlags.stdinOnce
  const kind = process.terminal ? stdioKinds.tty : detached ? stdioKinds.null : stdioKinds.slots
  plan.stdio({
    kind,
    flags: process.terminal ? stdioFlags.stdin | (detached ? 0 : attached) : 0,
    rows,
    columns,
    slotIn: kind === stdioKinds.slots ? execSlots.stdin : 0,
    slotOut: kind === stdioKinds.slots ? execSlots.stdout : 0,
    slotErr: kind === stdioKinds.slots ? execSlots.stderr : 0,
  })
}

/** An exec's own cgroup, below its container's of version 2, where there is one. */
export function execCgroup(container: ContainerCgroups['directories'], exec: string): string | undefined {
  const unified = container.find(({ version }) => version === 2)
  return unified && `${unified.path}/exec-${exec.slice(0, 12)}`
}

/** What is done for an exec whose supervisor did not live to do it. Nobody of it is left then. */
export function compileExecTeardown(cgroup: string): Uint8Array {
  const plan = new PlanWriter()
  plan.section('teardown')
  plan.cgroupKill({ path: cgroup })
  plan.cgroupRemove({ path: cgroup })
  return plan.finish({ mode: 'task' })
}
