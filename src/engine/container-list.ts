import type { ContainerContext } from '../container/context.js'
import { containerHealth } from '../container/health.js'
import { exposedPortsOf, labelsOf } from '../container/inspect-config.js'
import { inspectMounts } from '../container/inspect-mounts.js'
import { addressesOf } from '../container/inspect-network.js'
import { lifeOf, type Settled } from '../container/inspect-state.js'
import { type Observed, observe } from '../container/observe.js'
import { reachablePorts } from '../container/ports.js'
import { settle } from '../container/settle.js'
import { statusText } from '../container/status-text.js'
import type { ImageStore } from '../image/index.js'
import { processArgs } from '../spec/index.js'
import type { ContainerLine, ContainerList, ListedEndpoint } from '../store/container-list.js'
import { type Candidate, containerFilter, type FilterContext, isUp } from './container-filters.js'
import type { ContainerSummary, ListOptions } from './containers.js'

/** What lists are made of. */
export interface ListSources {
  readonly context: ContainerContext
  readonly list: ContainerList
  readonly images: Pick<ImageStore, 'resolve' | 'list'>
  /** Whether a container is a step of a build. */
  isWorkspace(id: string): boolean
}

/** A container as it is now. */
interface Present {
  readonly line: ContainerLine
  readonly observed: Settled
}

/**
 * Docker's list: what runs, or with `all` or a limit or a filter of states everything, newest first.
 *
 * What each container costs is little: the store is read with a statement for each table, whatever the number of containers,
 * and of a container that was started its run directory is looked at. No document is made of it, and no spec.
 */
export async function listContainers(
  sources: ListSources,
  { all = false, limit = -1, size = false, filters = {}, signal }: ListOptions,
): Promise<ContainerSummary[]> {
  await sources.context.abandoned.finish()
  const present = await presentLines(sources)
  const fits = containerFilter(filters, filterContext(sources, present))
  const isEverything = all || limit > 0 || filters.status !== undefined
  const nowMs = Date.now()
  const nameOf = imageNames(sources)
  const found: ContainerSummary[] = []
  for (const one of present) {
    if (limit > 0 && found.length === limit) break
    const candidate = candidateOf(sources, one, nowMs, nameOf)
    if ((isEverything || isUp(candidate.summary)) && fits(candidate)) found.push(candidate.summary)
  }
  return size ? withSizes(sources, found, signal) : found
}

/** All containers, newest first. What has ended without anybody seeing it is recorded as ended; what is gone is left out. */
async function presentLines({ context, list }: ListSources): Promise<Present[]> {
  const lines = list.lines().map((line) => ({ line, observed: observe(context, line.record) }))
  if (lines.every(isSettled)) return lines
  const present: Present[] = []
  for (const one of lines) {
    const now = isSettled(one) ? one : await settledLine(context, one.line)
    if (now) present.push(now)
  }
  return present
}

const isSettled = (one: { line: ContainerLine; observed: Observed }): one is Present => one.observed.status !== 'ended'

async function settledLine(context: ContainerContext, { record }: ContainerLine): Promise<Present | undefined> {
  const observed = await settle(context, record)
  const now = observed && context.containers.get(record.id)
  if (!now) return undefined
  const { endpoints, ports, linkedFrom } = context.networking(now.id)
  const line = {
    record: now,
    endpoints: endpoints.map(({ networkId, networkName, definition, active }) => ({
      network: networkId,
      networkName,
      definition,
      active,
    })),
    ports,
    linkedNames: linkedFrom.map(({ container, alias }) => `${container}/${alias}`).sort(),
  }
  return { line, observed }
}

function candidateOf(
  { context, images }: ListSources,
  { line, observed }: Present,
  nowMs: number,
  nameOf: (line: ContainerLine) => string,
): Candidate {
  const { record, endpoints } = line
  const { config } = record
  const image = images.resolve(record.image).config
  const exposedPorts = exposedPortsOf(config, image)
  const health = containerHealth(context.runRoot, record, observed, image)
  const life = lifeOf(record.outcome, observed)
  const summary: ContainerSummary = {
    id: record.id,
    name: record.name,
    names: [record.name, ...line.linkedNames],
    image: nameOf(line),
    imageId: record.image,
    command: commandText(processArgs(config, image)),
    createdAt: new Date(record.createdAtMs),
    state: life.status,
    status: statusText(life, health?.Status, nowMs),
    health: health?.Status ?? 'none',
    exitCode: life.status === 'exited' || life.status === 'dead' ? life.exitCode : undefined,
    labels: labelsOf(config, image),
    networks: endpoints.map(({ networkName }) => networkName),
    networkMode: config.network,
    endpoints: endpoints.map(summaryEndpoint),
    ports: reachablePorts(line, exposedPorts),
    mounts: inspectMounts(record.mounts, context.mountpointOf).map(
      ({ Type, Name, Source, Destination, Driver, Mode, RW, Propagation }) => ({
        type: Type,
        name: Name,
        source: Source,
        destination: Destination,
        driver: Driver,
        mode: Mode,
        readOnly: !RW,
        propagation: Propagation,
      }),
    ),
  }
  return {
    summary,
    exposedPorts,
    publishedPorts: config.ports.map(({ port, protocol }) => `${port}/${protocol}`),
    networkIds: endpoints.map(({ network }) => network),
    hasStarted: life.status === 'exited',
  }
}

function summaryEndpoint(endpoint: ListedEndpoint): ContainerSummary['endpoints'][number] {
  const addresses = addressesOf(endpoint)
  return {
    network: endpoint.networkName,
    networkId: endpoint.network,
    endpointId: addresses.EndpointID,
    address: addresses.IPAddress,
    prefixLength: addresses.IPPrefixLen,
    gateway: addresses.Gateway,
    address6: addresses.GlobalIPv6Address,
    prefixLength6: addresses.GlobalIPv6PrefixLen,
    gateway6: addresses.IPv6Gateway,
    macAddress: addresses.MacAddress,
  }
}

/** As `docker ps --no-trunc` shows it: arguments with spaces have quotes. */
function commandText([path = '', ...args]: readonly string[]): string {
  return [path, ...args.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ')
}

/** An image's name as it was given, as long as it is that image's; else its ID. */
function imageNames({ images }: ListSources): (line: ContainerLine) => string {
  const ids = new Map<string, string | undefined>()
  return ({ record: { reference, image } }) => {
    if (!ids.has(reference)) ids.set(reference, idOf(images, reference))
    return ids.get(reference) === image ? reference : image
  }
}

function idOf(images: ListSources['images'], nameOrId: string): string | undefined {
  try {
    return images.resolve(nameOrId).id
  } catch {
    return undefined
  }
}

function filterContext({ context, images }: ListSources, present: readonly Present[]): FilterContext {
  return {
    ids: present.map(({ line }) => line.record.id),
    idOf: (container) => context.containers.find(container).id,
    descendants(image) {
      const first = idOf(images, image)
      if (first === undefined) return []
      const parents = images.list({ all: true })
      const found = new Set<string>([first])
      // A set's iteration goes on to what is added meanwhile.
      for (const id of found) for (const child of parents) if (child.parentId === id) found.add(child.id)
      return [...found]
    },
  }
}

/** One after the other: each walks through its files. */
async function withSizes(
  { context }: ListSources,
  summaries: readonly ContainerSummary[],
  signal: AbortSignal | undefined,
): Promise<ContainerSummary[]> {
  const sized: ContainerSummary[] = []
  for (const summary of summaries) {
    const record = context.containers.get(summary.id)
    if (record) sized.push({ ...summary, ...(await context.files(record).size({ signal })) })
  }
  return sized
}
