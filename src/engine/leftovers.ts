import { closeSync, existsSync } from 'node:fs'
import { CleanupError } from '../errors/index.js'
import { native, supervisorExecutable } from '../host/index.js'
import { Session } from '../launch/session.js'
import { compileTeardown } from '../launch/teardown-plan.js'
import type { Stages } from './assemble.js'
import { clearNetwork } from './network-leftovers.js'

type Places = Pick<Stages, 'cgroups' | 'paths' | 'networking'>

/** Whether a run has left cgroups, addresses or ports or, with `files`, the container's directory. After a reboot it may be only those. */
export function hasLeft({ cgroups, paths, networking: { store } }: Places, id: string, files: boolean): boolean {
  const hasPlaces = () => store.portsOf(id).length > 0 || store.endpointsOf(id).some(({ active }) => active)
  return hasFiles({ cgroups, paths }, id, files) || hasPlaces()
}

function hasFiles({ cgroups, paths }: Pick<Places, 'cgroups' | 'paths'>, id: string, files: boolean): boolean {
  return cgroups.existing(id).length > 0 || (files && existsSync(`${paths.containers}/${id}`))
}

/**
 * Does a dead supervisor's teardown, of what there is of it.
 *
 * @throws {CleanupError} when something cannot be removed
 */
export async function tearDown(stages: Places, id: string, files: boolean): Promise<void> {
  const { cgroups, paths } = stages
  await clearNetwork(stages, id)
  if (!hasFiles({ cgroups, paths }, id, files)) return
  const directories = cgroups.existing(id)
  const freezer = cgroups.freezer(id)
  const bytes = compileTeardown({
    cgroups: { directories, ...(freezer && { freezer }) },
    paths: { directory: `${paths.containers}/${id}` },
    remove: files,
  })
  await runTeardown(bytes, id)
}

/** Has a supervisor do what another one did not live to do. @throws {CleanupError} when something cannot be removed */
export async function runTeardown(bytes: Uint8Array, id: string): Promise<void> {
  const lock = native().memfdSealed('teardown', new Uint8Array(0))
  try {
    const { pid, status } = await native().spawn(supervisorExecutable(), 'inboard-supervisor', bytes, lock, [])
    const session = Session.fromDescriptor(status)
    await session.closed
    await native().reap(pid)
    const torndown = await session.torndown
    if (torndown?.failures !== 0) throw notTornDown(id, torndown?.errno)
  } finally {
    closeSync(lock)
  }
}

function notTornDown(id: string, errno: number | undefined): CleanupError {
  return new CleanupError(
    `what container ${id} has left could not be removed; removing the container, or opening the engine, tries again`,
    { code: 'CLEANUP_FAILED', details: { container: id, errno } },
  )
}
