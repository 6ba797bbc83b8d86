import { existsSync } from 'node:fs'
import type { ContainerContext, StartStreams } from '../container/context.js'
import { tracedContainer } from '../container/traced-container.js'
import { failpoint } from '../errors/failpoint.js'
import { native, supervisorExecutable } from '../host/index.js'
import { launchError, supervisorLost } from '../launch/failure.js'
import { compileRun, type Fault, type LaunchPlan } from '../launch/run-plan.js'
import { Session } from '../launch/session.js'
import { networkFailure } from '../network/network-failure.js'
import type { ContainerRecord } from '../store/containers.js'
import { traced } from '../tracing/index.js'
import { assemble, type Stages } from './assemble.js'
import { prepareBindSources } from './bind-sources.js'
import { mountVolumes, prepareVolumes } from './container-volumes.js'
import { updateLinkingHosts } from './linking-hosts.js'
import { openShared, type SharedNamespaces } from './shared-namespaces.js'
import { type Wiring, wire } from './wiring.js'

type Launched = Awaited<ReturnType<ContainerContext['launch']>>

/** Failpoints of tests: where the next plan fails, and the steps of the last one, to choose from. */
export const faults: { next: Fault | undefined; steps: LaunchPlan['steps'] } = { next: undefined, steps: [] }

/** Spawns the supervisor of a container, which gets the lock, and waits until its program runs. */
export async function launchContainer(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  lock: number,
  streams: StartStreams,
): Promise<Launched> {
  const told = tracedContainer(record)
  const wiring = await traced('inboard:container.start.network', told, () => wire(stages, context, record))
  let shared: SharedNamespaces | undefined
  try {
    const namespaces = await openShared(context, record.config)
    shared = namespaces
    const plan = await traced('inboard:container.start.plan', told, async () => {
      await prepareFiles(stages, record)
      prepareBindSources(record.mounts)
      // Whoever made it was killed before its volumes were ready.
      if (!record.isPrepared) await prepareVolumes(stages, context, record)
      const mounted = await mountVolumes(stages, record)
      return compileRun({ ...assemble(stages, record, streams, wiring, namespaces, mounted), ...takeFault() })
    })
    const launched = await traced('inboard:container.start.spawn', told, async () => {
      await wiring.ready
      await stages.outbox.told()
      return spawnSupervisor(
        plan,
        lock,
        [...wiring.slots, ...namespaces.slots],
        `cannot start container ${record.name}`,
      )
    })
    updateLinkingHosts(stages.networking, context, record, wiring)
    void launched.supervisorGone.then(wiring.over)
    return launched
  } catch (error) {
    wiring.over()
    throw meaningOf(error, wiring)
  } finally {
    shared?.close()
    wiring.passed()
  }
}

/** A bridge that takes no more interfaces is a matter of the network, not of the plan. */
function meaningOf(error: unknown, { places }: Wiring): unknown {
  const { details } = error as { details?: { operation?: string; syscallError?: string } }
  if (details?.operation !== 'netlink' || details.syscallError === undefined) return error
  return networkFailure(details.syscallError, places.map(({ network }) => network.name).join(', '), error) ?? error
}

/** What the root filesystem of a container is made of, on the disk. */
export async function prepareFiles(stages: Stages, record: ContainerRecord): Promise<void> {
  const { images, snapshots, paths } = stages
  const { chain } = images.resolve(record.image)
  failpoint('launch.prepare-init')
  await snapshots.prepareInit(chain)
  failpoint('launch.prepare-container')
  await snapshots.prepareContainer(chain, `${paths.containers}/${record.id}`)
  if (stages.workspaces.has(record.id)) await prepareWork(stages, record)
}

/** What was mounted volatile has left a mark that the kernel refuses to mount it again by; here it is the same boot, and whole. */
async function prepareWork({ paths }: Stages, { id }: ContainerRecord): Promise<void> {
  const work = `${paths.containers}/${id}/work`
  if (existsSync(work)) await native().removeTree(work)
}

/** That of the next plan; tests only. */
export function takeFault(): { fault?: Fault } {
  const fault = faults.next
  faults.next = undefined
  return fault ? { fault } : {}
}

/** Spawns a supervisor, which gets the lock and the slots, and waits until its program runs. */
export async function spawnSupervisor(
  plan: LaunchPlan,
  lock: number,
  slots: readonly number[],
  what: string,
): Promise<Launched> {
  faults.steps = plan.steps
  failpoint('launch.spawn')
  const { pid: supervisorPid, status } = await native().spawn(
    supervisorExecutable(),
    'inboard-supervisor',
    plan.bytes,
    lock,
    slots,
  )
  const session = Session.fromDescriptor(status)
  const supervisorGone = session.closed
    .then(() => (session.released ? undefined : native().reap(supervisorPid)))
    // Somebody else in this process has reaped it: it has gone all the same.
    .then(ignore, ignore)
  const first = await session.started
  if (first?.kind === 'started') return { session, pid: first.pid, startedAtNs: first.startedAtNs, supervisorGone }
  await supervisorGone
  throw first ? launchError(first.failure, plan, what) : supervisorLost(what)
}

function ignore(): void {}
