import { readdirSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { failpoint } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import type { Stages } from './assemble.js'
import { finishRemovals } from './network-creation.js'

const id = /[0-9a-f]{64}/

/** Networks whose removal was cut short, and files of names that belong to no network and no container. */
export async function reconcileNetworks({ networking }: Stages, { containers }: ContainerContext): Promise<void> {
  const { store, names } = networking
  // Listed before the records are read: each file is made after its record.
  const found = readdirSync(names)
  failpoint('reconcile.network')
  await finishRemovals(networking)
  for (const name of found) {
    const owner = id.exec(name)?.[0] ?? ''
    // What a container that has ended may still have goes with what is left of its run; it may just be started anew.
    if (store.get(owner) || containers.get(owner)) continue
    failpoint('reconcile.names')
    await native().removeTree(`${names}/${name}`)
  }
}
