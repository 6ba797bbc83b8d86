import type { HealthSchedule } from '../spec/health.js'
import type { Process } from '../spec/types.js'
import type { ContainerCgroups } from './cgroups.js'
import { writeProcess } from './process-steps.js'
import type { PlanWriter } from './protocol.gen.js'

/** Mount, cgroup, UTS, IPC and network. Into the pid namespace it is born. */
const joined = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x40000000

/** The health checks of a container. */
export interface ProbePlan {
  /** What checks it, as an exec of the container's own user would be. */
  readonly process: Process
  readonly schedule: HealthSchedule
}

export interface ProbeSteps extends ProbePlan {
  readonly id: string
  readonly cgroups: Pick<ContainerCgroups, 'directories' | 'unified'>
  readonly seccomp: Uint8Array | undefined
}

/** The section that the process of each check goes through. */
export function writeProbe(plan: PlanWriter, { id, process, cgroups, seccomp }: ProbeSteps): void {
  plan.section('probe')
  for (const { join, version } of cgroups.directories) if (version === 1) plan.cgroupJoin({ path: join })
  plan.joinProgram({ flags: joined })
  writeProcess(plan, { process, seccomp, keyring: `_ses.${id}`, createWorkingDirectory: false, bindConsole: false })
}

/** When it is run, and what follows from that; in the monitor section. */
export function writeHealth(plan: PlanWriter, { schedule, cgroups }: ProbeSteps): void {
  plan.health({
    interval: schedule.intervalMs,
    timeout: schedule.timeoutMs,
    startPeriod: schedule.startPeriodMs,
    startInterval: schedule.startIntervalMs,
    retries: schedule.retries,
    expired: schedule.expired,
    cgroup: cgroups.unified ?? '',
  })
}
