import { readdirSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { remove } from '../container/remove.js'
import { removeRunDirectory } from '../container/run-directory.js'
import { settle } from '../container/settle.js'
import { native } from '../host/index.js'
import type { Stages } from './assemble.js'

const id = /^[0-9a-f]{64}$/

/**
 * Brings a root up to what has happened while nobody looked: ends that nobody recorded, removals that were cut short, and
 * whatever a killed process left that no record owns. May run in several processes at once.
 */
export async function reconcile(stages: Stages, context: ContainerContext): Promise<void> {
  const { containers, runRoot } = stages.paths
  // Directories are listed before the records are read: each is made after its record, or under a held lock.
  const runs = readdirSync(runRoot)
  const trees = readdirSync(containers)
  for (const record of context.containers.list()) {
    if (record.phase === 'started') await settle(context, record)
    else if (record.phase === 'removing') await remove(context, record.id)
  }
  for (const name of runs) {
    if (id.test(name) && !context.containers.get(name)) await removeRunDirectory(runRoot, name)
    if (isAbandoned(name)) await native().removeTree(`${runRoot}/${name}`)
  }
  for (const name of trees) {
    if (!id.test(name) || context.containers.get(name) || isHeld(runRoot, name)) continue
    await native().removeTree(`${containers}/${name}`)
  }
  stages.cgroups.sweep((name) => !id.test(name) || isLive(context, name) || isHeld(runRoot, name))
}

/** What is renamed aside before it is removed, and made aside by a process that is gone before it got its name. */
function isAbandoned(name: string): boolean {
  if (name.startsWith('.gone-')) return true
  const maker = /^\.new-.*-(\d+)$/.exec(name)?.[1]
  return maker !== undefined && native().statAt(-100, `/proc/${maker}`) === undefined
}

const isHeld = (runRoot: string, name: string) => native().isLocked(`${runRoot}/${name}/lock`) === true

const isLive = (context: ContainerContext, name: string) => context.containers.get(name)?.phase === 'started'
