import type { Process, Spec } from '../spec/types.js'
import { capabilityMask } from './capabilities.js'
import type { PlanWriter } from './protocol.gen.js'

/** setrlimit(2)'s resource numbers by the specification's names. */
const rlimitNumbers: Record<string, number> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
}

const unlimited = 0xffffffffffffffffn

export interface ProcessSteps {
  readonly process: Process
  /** A compiled seccomp program; undefined: unconfined. */
  readonly seccomp: Uint8Array | undefined
  /** The name of a new session keyring. */
  readonly keyring: string
  /** Make a missing working directory, as the first process of a container does. */
  readonly createWorkingDirectory: boolean
  /** The pty is also the container's /dev/console. */
  readonly bindConsole: boolean
  /** Runs when nothing more is mounted. */
  readonly onMounted?: () => void
}

/** What every process of a container goes through last, be it the first or an exec'd one: from its terminal to execve(2). */
export function writeProcess(plan: PlanWriter, steps: ProcessSteps): void {
  const { process, seccomp } = steps
  const { user, capabilities } = process
  if (process.terminal) plan.console({ uid: user.uid, bind: steps.bindConsole ? 1 : 0 })
  steps.onMounted?.()
  for (const { type, soft, hard } of process.rlimits)
    plan.rlimit({ resource: rlimitNumbers[type] ?? 0, soft: rlimit(soft), hard: rlimit(hard) })
  plan.oomScoreAdj({ value: process.oomScoreAdj, optional: process.oomScoreAdj === 0 ? 1 : 0 })
  plan.sessionKeyring({ name: steps.keyring })
  plan.umask({ mask: user.umask })
  plan.workingDirectory({ path: process.cwd, create: steps.createWorkingDirectory ? 1 : 0, uid: 0, gid: 0 })
  // Without no_new_privs a filter needs CAP_SYS_ADMIN, so it goes in before the capabilities go.
  if (process.noNewPrivileges) plan.noNewPrivileges()
  else if (seccomp) plan.seccomp({ flags: 0, filter: seccomp })
  plan.capabilityBounds({ bounding: capabilityMask(capabilities.bounding) })
  plan.user({ uid: user.uid, gid: user.gid, groups: new Uint8Array(Uint32Array.from(user.additionalGids).buffer) })
  plan.capabilities({
    effective: capabilityMask(capabilities.effective),
    permitted: capabilityMask(capabilities.permitted),
    inheritable: capabilityMask(capabilities.inheritable),
    ambient: capabilityMask(capabilities.ambient),
  })
  if (process.noNewPrivileges && seccomp) plan.seccomp({ flags: 0, filter: seccomp })
  plan.execute({ file: process.args[0] ?? '', path: pathOf(process.env), argv: process.args, envp: process.env })
}

const rlimit = (value: number) => (value < 0 ? unlimited : value)

// runc looks programs up in the container's PATH, and in nothing when it has none.
function pathOf(env: Spec['process']['env']): string {
  return env.find((variable) => variable.startsWith('PATH='))?.slice(5) ?? ''
}
