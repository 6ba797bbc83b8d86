import type { ContainerRecord, Outcome } from '../store/containers.js'
import type { ContainerContext } from './context.js'

/**
 * How the last run of a container has ended, as the journal of events has it: of one that removes itself nothing else is left
 * when its supervisor has gone. Undefined: it does not say.
 */
export async function toldEnd(
  context: Pick<ContainerContext, 'eventsOf'>,
  { id, createdAtMs }: Pick<ContainerRecord, 'id' | 'createdAtMs'>,
): Promise<Outcome | undefined> {
  let end: Outcome | undefined
  let run = { startedAtNs: '0', oomKilled: false }
  const told = context.eventsOf({ since: createdAtMs, until: Date.now() + 1, filters: { container: id } })
  for await (const { action, actor, timeNano } of told) {
    if (action === 'start') {
      run = { startedAtNs: `${timeNano}`, oomKilled: false }
      end = undefined
    }
    if (action === 'oom') run.oomKilled = true
    // It does not say whether that was a signal.
    if (action === 'die')
      end = { ...run, finishedAtNs: `${timeNano}`, exitCode: Number(actor.attributes.exitCode), signal: 0 }
  }
  return end
}
