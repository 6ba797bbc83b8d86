import { failpoint } from '../errors/failpoint.js'
import { InboardError, SyscallError } from '../errors/index.js'
import { policyCode } from '../launch/run-plan.js'
import type { UpdateOptions } from '../spec/update.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { askSupervisor } from './dialogue.js'
import { changedKnobs, writeKnobs } from './limits.js'
import { present, presentFor } from './present.js'
import { isAlive } from './states.js'

/** What {@link Container.update} answers. */
export interface UpdateResult {
  /** What the kernel cannot do, in Docker's words; it is in the configuration all the same. */
  readonly warnings: readonly string[]
}

/** Changes limits and the restart policy of a container: in its configuration, and where it runs in the kernel and its supervisor. */
export async function update(
  context: ContainerContext,
  id: string,
  options: UpdateOptions,
  signal: AbortSignal | undefined,
): Promise<UpdateResult> {
  await presentFor(context, id, 'update', signal)
  const { before, after } = context.reconfigure(id, options)
  try {
    failpoint('update.recorded')
    const warnings = await apply(context, before, after, signal)
    context.tell(after, 'update')
    return { warnings }
  } catch (error) {
    context.restoreLimits(before)
    await revert(context, before, after)
    throw cannotUpdate(id, error)
  }
}

/** Until what was done is what is recorded: somebody else may have changed it meanwhile. */
async function apply(
  context: ContainerContext,
  before: ContainerRecord,
  after: ContainerRecord,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { id } = after
  // One that has been started since it was recorded may not know of it.
  if (!isAlive((await present(context, id, signal)).status)) return []
  const warnings = limit(context, before, after)
  failpoint('update.limited')
  await setPolicy(context, after)
  const now = context.containers.get(id)
  if (!now) throw noSuchContainer(id)
  return sameLimits(now, after) ? warnings : apply(context, after, now, signal)
}

/** What the kernel and the supervisor were told already. The failure that leads here is told, and no other. */
async function revert(context: ContainerContext, before: ContainerRecord, after: ContainerRecord): Promise<void> {
  try {
    limit(context, after, before)
    await setPolicy(context, before)
  } catch {}
}

/** What {@link update} changes. */
const limitsOf = ({ config: { resources, restartPolicy } }: ContainerRecord) =>
  JSON.stringify([resources, restartPolicy])

const sameLimits = (one: ContainerRecord, other: ContainerRecord) => limitsOf(one) === limitsOf(other)

function limit(context: ContainerContext, before: ContainerRecord, after: ContainerRecord): string[] {
  const knobs = changedKnobs(context.limits(before), context.limits(after))
  const missing = new Set(writeKnobs(knobs))
  return warningsOf.flatMap(({ files, warning }) => (files.every((file) => missing.has(file)) ? [warning] : []))
}

const warningsOf = [
  {
    files: ['blkio.weight', 'blkio.bfq.weight'],
    warning: 'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
  },
  {
    files: ['io.weight', 'io.bfq.weight'],
    warning: 'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
  },
  {
    files: ['memory.memsw.limit_in_bytes'],
    warning:
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
  },
]

/** One that has ended meanwhile is started by its new policy next time. */
async function setPolicy(context: ContainerContext, { id, config: { restartPolicy } }: ContainerRecord): Promise<void> {
  const { name, maximumRetryCount } = restartPolicy
  await askSupervisor(context, id, (session) => session.policy(policyCode(name), maximumRetryCount))
}

function cannotUpdate(id: string, error: unknown): unknown {
  if (error instanceof InboardError) return error
  const { code, syscall, path, message } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  return new SyscallError(`Cannot update container ${id}: ${message}`, {
    code: 'SYSCALL_FAILED',
    cause: error,
    details: { container: id, errno: code, syscall, path },
  })
}
