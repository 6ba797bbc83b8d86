import { readdirSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { finishRemoval } from '../container/remove.js'
import { clearRun } from '../container/run-directory.js'
import { settle } from '../container/settle.js'
import { failpoint } from '../errors/failpoint.js'
import { isAbandoned, native } from '../host/index.js'
import type { Stages } from './assemble.js'
import { sweepBuilds } from './build-directory.js'
import { reconcileNetworks } from './reconcile-networks.js'
import { reconcileSnapshots } from './snapshot-records.js'

const id = /^[0-9a-f]{64}$/

/**
 * Brings a root up to what has happened while nobody looked: ends that nobody recorded, removals that were cut short, and
 * whatever a killed process left that no record owns. May run in several processes at once.
 */
export async function reconcile(stages: Stages, context: ContainerContext): Promise<void> {
  const { root, containers, runRoot, volumes } = stages.paths
  // Listed before the records are read: each is made after its record, or under a held lock.
  const found = new Set([...readdirSync(runRoot), ...readdirSync(containers), ...stages.cgroups.names()])
  await context.abandoned.sweep()
  for (const record of context.containers.list()) {
    failpoint('reconcile.record')
    if (record.phase === 'started') await settle(context, record)
    else if (record.phase === 'removing') await finishRemoval(context, record)
  }
  for (const name of found) {
    const record = id.test(name) && context.containers.get(name)
    if (record === false || (record && record.phase === 'started')) continue
    failpoint('reconcile.orphan')
    if (!(await clearOrphan(context, name, record === undefined))) context.lookAgain(name, record)
  }
  await sweepBuilds(stages, context)
  await reconcileNetworks(stages, context)
  // Before volumes: what is left of one has layers.
  await reconcileSnapshots(stages)
  await stages.volumes.reconcile((container, attempt) => {
    const record = context.containers.get(container)
    return record?.phase !== 'started' || record.attempt !== attempt
  })
  await stages.snapshots.sweepAbandoned()
  // `.gone-`: renamed aside before it is removed.
  for (const directory of [runRoot, root, volumes])
    for (const name of readdirSync(directory))
      if (name.startsWith('.gone-') || isAbandoned(name)) await native().removeTree(`${directory}/${name}`)
}

/** What cannot be removed keeps nobody from opening the root. */
async function clearOrphan(context: ContainerContext, name: string, files: boolean): Promise<boolean> {
  try {
    return await clearRun(context, name, files)
  } catch (error) {
    if ((error as { code?: string }).code !== 'CLEANUP_FAILED') throw error
    return false
  }
}
