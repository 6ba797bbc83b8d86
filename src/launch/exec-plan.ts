import type { Process } from '../spec/types.js'
import type { ContainerCgroups } from './cgroups.js'
import { writeProcess } from './process-steps.js'
import { PlanWriter, stdioFlags, stdioKinds } from './protocol.gen.js'
import type { Fault, LaunchPlan } from './run-plan.js'
import { planFault } from './run-plan.js'

const CLONE_NEWPID = 0x20000000
const others = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x40000000

export interface ExecPlanInput {
  readonly id: string
  readonly process: Process
  readonly cgroups: Pick<ContainerCgroups, 'directories' | 'unified'>
  readonly seccomp: Uint8Array | undefined
  /** Size of the terminal. */
  readonly rows: number
  readonly columns: number
  readonly fault?: Fault
}

/** The slots that an exec's plan expects: the container's pidfd, then descriptors 0-2 (not with a terminal). */
const execSlots = { pidfd: 0, stdin: 1, stdout: 2, stderr: 3 } as const

/** Compiles a process that joins a running container: its cgroups and namespaces first, then as the first process does. */
export function compileExec({ id, process, cgroups, seccomp, rows, columns, fault }: ExecPlanInput): LaunchPlan {
  const plan = new PlanWriter()
  plan.section('prepare')
  plan.title({ text: `exec ${id.slice(0, 10)}` })
  plan.stdio(
    process.terminal
      ? {
          kind: stdioKinds.tty,
          flags: stdioFlags.stdin | stdioFlags.attached | stdioFlags.backpressure,
          rows,
          columns,
          slotIn: 0,
          slotOut: 0,
          slotErr: 0,
        }
      : {
          kind: stdioKinds.slots,
          flags: 0,
          rows,
          columns,
          slotIn: execSlots.stdin,
          slotOut: execSlots.stdout,
          slotErr: execSlots.stderr,
        },
  )
  plan.setns({ slot: execSlots.pidfd, flags: CLONE_NEWPID })
  plan.clone({ flags: 0, cgroup: cgroups.unified ?? '' })
  plan.section('container')
  for (const { join, version } of cgroups.directories) if (version === 1) plan.cgroupJoin({ path: join })
  plan.setns({ slot: execSlots.pidfd, flags: others })
  writeProcess(plan, { process, seccomp, keyring: `_ses.${id}`, createWorkingDirectory: false, bindConsole: false })
  return { bytes: plan.finish({ mode: 'exec', ...planFault(fault) }), steps: plan.names }
}
