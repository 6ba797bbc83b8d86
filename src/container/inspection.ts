import type { ContainerRecord } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { unfinishedExecIds } from './exec-record.js'
import { containerHealth } from './health.js'
import { type ContainerInspect, inspectContainer } from './inspect.js'
import { settle } from './settle.js'

/** Options of {@link Container.inspect}. */
export interface InspectOptions {
  /** Also how much its files are, which takes the longer the more there are. Default false. */
  readonly size?: boolean
  readonly signal?: AbortSignal
}

/** Tells all there is to know of a container at this moment. */
export async function inspect(
  context: ContainerContext,
  record: ContainerRecord,
  { size = false, signal }: InspectOptions,
): Promise<ContainerInspect> {
  const observed = (await settle(context, record)) ?? { status: 'removing' }
  // What is recorded of a run changes with its end.
  const now = record.phase === 'started' ? (context.containers.get(record.id) ?? record) : record
  const { config, graphDriver } = context.inspectImage(now)
  const document = inspectContainer(now, {
    observed,
    health: containerHealth(context.runRoot, now, observed, config),
    image: config,
    graphDriver,
    execIds: observed.status === 'running' ? unfinishedExecIds(context, now.id) : [],
    root: context.root,
    runRoot: context.runRoot,
    hostname: context.hostname,
    networking: context.networking(now.id),
    mountpointOf: context.mountpointOf,
  })
  if (!size) return document
  const { sizeRw, sizeRootFs } = await context.files(now).size({ signal })
  return { ...document, SizeRw: sizeRw, SizeRootFs: sizeRootFs }
}
