import { closeSync } from 'node:fs'
import { openView } from '../container/container-tree.js'
import type { ContainerContext } from '../container/context.js'
import { failpoint } from '../errors/failpoint.js'
import { native, supervisorExecutable } from '../host/index.js'
import { launchError, supervisorLost } from '../launch/failure.js'
import type { LaunchPlan } from '../launch/run-plan.js'
import { Session } from '../launch/session.js'
import { compileView } from '../launch/view-plan.js'
import { keptMounts } from '../spec/index.js'
import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import { imageRoots, type Stages } from './assemble.js'
import { prepareBindSources } from './bind-sources.js'
import { prepareVolumes } from './container-volumes.js'
import { faults, prepareFiles, takeFault } from './launcher.js'

/** A root that is mounted in a mount namespace of its own, until `end` is called. */
export type MountedView = Awaited<ReturnType<ContainerContext['mountRoot']>>

/**
 * Mounts the files of a container that does not run, with its volumes, where nobody else sees them. They need no process: a
 * descriptor of the mount namespace keeps them, and they are gone with this process whatever happens to it.
 *
 * @throws {LaunchError}
 */
export async function mountContainerRoot(
  stages: Stages,
  context: ContainerContext,
  id: string,
  signal: AbortSignal,
): Promise<MountedView> {
  const record = context.containers.get(id)
  if (!record) throw noSuchContainer(id)
  await prepareFiles(stages, record)
  prepareBindSources(record.mounts)
  if (!record.isPrepared) await prepareVolumes(stages, context, record, signal)
  const { paths, end } = await openVolumes(stages, record, signal)
  try {
    failpoint('view.mount')
    const view = await lendRoot(planOf(stages, record, paths), `cannot reach the files of container ${record.name}`)
    return { root: view.root, end: () => view.end().finally(end) }
  } catch (error) {
    await end().catch(() => {})
    throw error
  }
}

/** The volumes of a container by name, all of them mounted until `end`. */
async function openVolumes({ volumes }: Pick<Stages, 'volumes'>, record: ContainerRecord, signal: AbortSignal) {
  const names = record.mounts.flatMap((point) => (point.type === 'volume' ? [point.volume] : []))
  const paths = new Map<string, string>()
  const ends: (() => Promise<void>)[] = []
  const end = async () => {
    const ended = await Promise.allSettled(ends.splice(0).map((close) => close()))
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }
  try {
    for (const volume of volumes.store.named(names).values()) {
      const opened = await volumes.open(volume, signal)
      ends.push(opened.end)
      paths.set(volume.name, opened.path)
    }
  } catch (error) {
    await end().catch(() => {})
    throw error
  }
  return { paths, end }
}

function planOf(stages: Stages, record: ContainerRecord, volumes: ReadonlyMap<string, string>): LaunchPlan {
  const { images, snapshots, paths, workspaces } = stages
  const directory = `${paths.containers}/${record.id}`
  return compileView({
    rootfs: snapshots.rootfs(images.resolve(record.image).chain, directory, { volatile: workspaces.has(record.id) }),
    mounts: keptMounts(record.mounts, { volume: ({ volume }) => volumes.get(volume) ?? stages.volumes.path(volume) }),
    images: imageRoots(stages, record),
    directory,
    isReadOnly: record.config.readOnly,
    ...takeFault(),
  })
}

/**
 * Has a supervisor mount a root, and takes it over.
 *
 * @param what is said not to be done when that fails
 */
export async function lendRoot(plan: LaunchPlan, what: string): Promise<MountedView> {
  faults.steps = plan.steps
  // It has no records for anyone to find: the lock it is given is nobody's.
  const lock = native().memfdSealed('view', new Uint8Array(0))
  try {
    const spawned = await native().spawn(supervisorExecutable(), 'inboard-supervisor', plan.bytes, lock, [])
    const session = Session.fromDescriptor(spawned.status)
    try {
      const first = await session.started
      if (first?.kind !== 'started') throw first ? launchError(first.failure, plan, what) : supervisorLost(what)
      failpoint('view.lent')
      // Not reaped yet: the number is its own.
      return openView(spawned.pid)
    } finally {
      session.close()
      await native().reap(spawned.pid)
    }
  } finally {
    closeSync(lock)
  }
}
