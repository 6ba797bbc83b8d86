import { closeSync } from 'node:fs'
import { claimLock } from '../host/index.js'
import type { ContainerContext } from './context.js'
import { execRecord, observeExec, observeExecs } from './exec-record.js'

/** As many of a container's execs that have ended are remembered. */
const rememberedExecs = 256

/**
 * Ends what an exec has left whose supervisor was killed: its processes and its cgroup; then nothing tells of it any more. Of
 * several who find it, one does.
 */
export async function clearLostExec(context: ContainerContext, container: string, exec: string): Promise<void> {
  const record = context.containers.get(container)
  const lock = claimLock(execRecord(context.runRoot, container, exec))
  if (lock === undefined) return
  try {
    const now = observeExec(context, container, exec)
    // Somebody else was first.
    if (!record || !now || now.status === 'exited') return
    // With its lock held by us it looks like one that lives.
    const isUntold = now.status === 'running' && !(await isTold(context, container, exec))
    await context.clearExec(record, exec, 'lost', () => {
      if (isUntold) context.tell(record, 'exec_die', { execID: exec, exitCode: '137' })
    })
  } finally {
    closeSync(lock)
  }
}

/** Whoever found it before may have been killed between telling and removing its record. */
async function isTold(context: ContainerContext, container: string, exec: string): Promise<boolean> {
  const { createdAtMs = 0 } = context.containers.get(container) ?? {}
  await context.events.told()
  const filters = { container, event: 'exec_die' }
  for await (const { actor } of context.eventsOf({ since: createdAtMs, until: Date.now() + 1, filters }))
    if (actor.attributes.execID === exec) return true
  return false
}

/** Forgets those that have ended long ago, but for those that others run on from: their cgroup is theirs. */
export async function forgetOldExecs(context: ContainerContext, container: string): Promise<void> {
  const record = context.containers.get(container)
  const ended = observeExecs(context, container)
    .flatMap(({ id, observed }) => (observed.status === 'exited' ? { id, at: observed.finishedAtNs } : []))
    .sort((a, b) => Number(b.at - a.at))
  for (const { id } of record ? ended.slice(rememberedExecs) : [])
    await context.clearExec(record as NonNullable<typeof record>, id, 'ended')
}
