import { readdirSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { remove } from '../container/remove.js'
import { clearRun } from '../container/run-directory.js'
import { settle } from '../container/settle.js'
import { failpoint } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import type { Stages } from './assemble.js'

const id = /^[0-9a-f]{64}$/

/**
 * Brings a root up to what has happened while nobody looked: ends that nobody recorded, removals that were cut short, and
 * whatever a killed process left that no record owns. May run in several processes at once.
 */
export async function reconcile(stages: Stages, context: ContainerContext): Promise<void> {
  const { root, containers, runRoot } = stages.paths
  // Listed before the records are read: each is made after its record, or under a held lock.
  const found = new Set([...readdirSync(runRoot), ...readdirSync(containers), ...stages.cgroups.names()])
  for (const record of context.containers.list()) {
    failpoint('reconcile.record')
    if (record.phase === 'started') await settle(context, record)
    else if (record.phase === 'removing') await remove(context, record.id)
  }
  for (const name of found) {
    const record = id.test(name) && context.containers.get(name)
    if (record === false || (record && record.phase === 'started')) continue
    failpoint('reconcile.orphan')
    await clearRun(context, name, record === undefined)
  }
  for (const directory of [runRoot, root, stages.snapshots.directory])
    for (const name of readdirSync(directory))
      if (isAbandoned(name)) await native().removeTree(`${directory}/${name}`)
}

/** What is renamed aside before it is removed, and made aside by a process that is gone before it got its name. */
function isAbandoned(name: string): boolean {
  if (name.startsWith('.gone-')) return true
  const maker = Number(/^\.new-.*-(\d+)$/.exec(name)?.[1])
  // Between making and renaming this process does nothing else: what has its number is of an earlier one with the same.
  return maker > 0 && (maker === process.pid || native().statAt(-100, `/proc/${maker}`) === undefined)
}
