import { closeSync, openSync } from 'node:fs'
import type { ContainerContext } from '../container/context.js'
import { settledNow } from '../container/files.js'
import { isSameProcess, observe } from '../container/observe.js'
import { failpoint } from '../errors/failpoint.js'
import { InvalidStateError } from '../errors/index.js'
import type { FirewallPlan, NamesPlan, NetworkPlan, PortsPlan } from '../launch/network-plan.js'
import { addressBytes, parseAddress } from '../network/address.js'
import type { BoundPort } from '../network/definition.js'
import { endpointSteps, loopbackSteps, quietSteps } from '../network/endpoint-steps.js'
import type { EndpointLink } from '../network/host-network-types.js'
import { recordHeader, recordLine, viewContent } from '../network/name-records.js'
import { linkBatches, publishBatches, unlinkBatches, unpublishBatches } from '../network/plan-batches.js'
import { resolverRules } from '../network/resolver-rules.js'
import type { LinkedPort, PublishedPort } from '../network/ruleset.js'
import { type PortBinding, sharedContainer } from '../spec/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { NetworkRecord, PortRecord } from '../store/networks.js'
import type { Stages } from './assemble.js'
import { exposedPort, exposedPorts, type LinkTarget, linkContext, linkedPorts, linkTargets } from './container-links.js'
import { nameRecord, namesView } from './container-names.js'
import { helperFilter } from './helper-filters.js'
import { type HostFiles, readHostFiles } from './managed-files.js'
import type { NetworkLeftovers } from './network-leftovers.js'
import { connectionsOf, hasNames, type Place, placesAmong, publishedPort, publishingPlace } from './networking.js'
import { type HeldSocket, holdPorts, releasePorts } from './published-ports.js'
import { wantedState } from './wanted-state.js'

/** What a start needs of networks, taken and held. */
export interface Wiring {
  readonly plan: NetworkPlan
  /** What is passed to the supervisor, in this order. */
  readonly slots: readonly number[]
  /** All that it is connected to, also without an interface. */
  readonly networks: readonly NetworkRecord[]
  readonly places: readonly Place[]
  readonly links: readonly LinkTarget[]
  /** What the host's files say. */
  readonly hostFiles: HostFiles
  /** The container whose network namespace it shares. */
  readonly shared: ContainerRecord | undefined
  /** What is to be undone when its supervisor is killed. */
  readonly leftovers: NetworkLeftovers | undefined
  /** The host has all that the plan takes for granted. */
  readonly ready: Promise<void>
  /** Closes this process's copies of what was passed. */
  passed(): void
  /** Gives back what was lent: the supervisor has gone. */
  over(): void
}

const nothing: Omit<Wiring, 'plan' | 'hostFiles' | 'networks'> = {
  slots: [],
  places: [],
  links: [],
  shared: undefined,
  leftovers: undefined,
  ready: Promise.resolve(),
  passed: () => {},
  over: () => {},
}

/**
 * Makes ready what a started container's networks need outside of its own namespace, and holds its ports.
 *
 * @throws {ConflictError} PORT_IN_USE, LINK_FAILED; {InvalidStateError} when the container whose network it shares does not run
 */
export async function wire(stages: Stages, context: ContainerContext, record: ContainerRecord): Promise<Wiring> {
  const { network } = record.config
  const connections = connectionsOf(stages.networking, record.id)
  const networks = connections.map((connection) => connection.network)
  if (network === 'host') return { ...nothing, networks, hostFiles: readHostFiles(network), plan: { kind: 'host' } }
  const other = sharedContainer(network)
  if (other !== undefined) return { ...joinOther(context, record, other), networks }
  return { ...(await wireOwn(stages, context, record, placesAmong(connections))), networks }
}

function joinOther(context: ContainerContext, record: ContainerRecord, other: string): Omit<Wiring, 'networks'> {
  const shared = context.containers.find(other)
  const namespace = openNamespace(context, shared)
  return {
    ...nothing,
    hostFiles: readHostFiles(record.config.network),
    plan: { kind: 'join', slot: 0 },
    slots: [namespace],
    shared,
    passed: () => closeSync(namespace),
  }
}

/** The network namespace of a running container: a descriptor. */
export function openNamespace(context: ContainerContext, record: ContainerRecord): number {
  const before = observe(context, record)
  if (before.status !== 'running') throw notRunning(record.id)
  const namespace = openSync(`/proc/${before.pid}/ns/net`, 'r')
  const after = observe(context, record)
  // While it runs, its process id is nobody else's.
  if (isSameProcess(before, after)) return namespace
  closeSync(namespace)
  throw notRunning(record.id)
}

/** Makes the host have what networks need. To be awaited before the supervisor is spawned, unless something else fails first. */
export function ensureHost(
  stages: Stages,
  context: ContainerContext,
  networks: readonly NetworkRecord[],
  container: string,
): Promise<void> {
  const wanted = () => wantedState({ stages, containers: context }, container)
  const ready = stages.networking.host.ensure(networks, wanted)
  ready.catch(() => {})
  return ready
}

async function wireOwn(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  places: readonly Place[],
): Promise<Omit<Wiring, 'networks'>> {
  const { networking } = stages
  const links = linkContext({ stages, containers: context })
  const networks = places.map(({ network }) => network)
  const ready = networking.ahead.get(record.id) ?? ensureHost(stages, context, networks, record.id)
  for (const { target } of networking.links.of(record.id)) await settledNow(context, target)
  const targets = linkTargets(links, record)
  const opened = linkedPorts(links, record.id, places)
  await settlePortOwners(stages, context, record)
  const held = publish(stages, record, places)
  const firewall = held.length + opened.length > 0 ? networking.host.takeFirewallSocket() : undefined
  const endpoints = endpointLinks(places)
  const hostFiles = readHostFiles(record.config.network)
  const slots = [...(firewall === undefined ? [] : [firewall]), ...held.map(({ fd }) => fd).filter((fd) => fd >= 0)]
  return {
    ...nothing,
    ready,
    plan: {
      kind: 'own',
      steps: [...loopbackSteps(), ...endpoints.flatMap(endpointSteps)],
      endSteps: endpoints.flatMap(quietSteps),
      firewall: firewall === undefined ? undefined : firewallPlan(stages, places, held, opened),
      ports: portsPlan(stages, places, held, firewall === undefined ? 0 : 1),
      names: namesPlan(stages, context, record, places, hostFiles),
    },
    slots,
    places,
    hostFiles,
    links: targets,
    leftovers: { ports: held.flatMap((port) => publishedBy(port, places)), links: opened },
    passed: () => releasePorts(held),
    over: () => {
      if (firewall !== undefined) networking.host.giveFirewallSocket(firewall)
    },
  }
}

/** What the container publishes: held, and recorded. Where the host routes nothing to it, nothing. */
function publish(stages: Stages, record: ContainerRecord, places: readonly Place[]): HeldSocket[] {
  const place = publishingPlace(places)
  const bindings = place ? portBindings(stages, record) : []
  if (!place || bindings.length === 0) return []
  const { networking } = stages
  const held = holdPorts({
    bindings,
    hostBinding: place.network.definition.hostBinding,
    lastDynamic: networking.dynamicPorts.last,
    container: `${record.name} (${place.endpoint.active.id})`,
  })
  try {
    failpoint('network.ports')
    networking.store.addPorts(held.map((port) => portRecord(record, port)))
  } catch (error) {
    releasePorts(held)
    throw error
  }
  networking.dynamicPorts.last = held.at(-1)?.hostPort ?? 0
  return held
}

/** A container that has ended, and nobody has looked since, still has its ports by the store. */
async function settlePortOwners(
  { networking }: Stages,
  context: ContainerContext,
  { id, config: { ports } }: ContainerRecord,
): Promise<void> {
  const rows = ports
    .filter(({ hostPort: [first] }) => first > 0)
    .flatMap(({ protocol, hostPort: [first, last] }) => networking.store.portsWithin(protocol, first, last))
  for (const owner of new Set(rows.map(({ container }) => container)))
    if (owner !== id) await settledNow(context, owner)
}

/** What is asked for by itself, and with `publishAll` any other exposed port. */
function portBindings(stages: Stages, record: ContainerRecord): readonly PortBinding[] {
  const { ports, publishAll } = record.config
  if (!publishAll) return ports
  const bound = new Set(ports.map(({ port, protocol }) => `${port}/${protocol}`))
  const others = exposedPorts(stages, record).filter((text) => !bound.has(text))
  return [...ports, ...others.map((text) => ({ ...exposedPort(text), hostAddress: '', hostPort: [0, 0] as const }))]
}

function portRecord(
  { id, attempt }: ContainerRecord,
  { protocol, hostAddress, hostPort, port }: HeldSocket,
): PortRecord {
  return { container: id, attempt, protocol, hostAddress, hostPort, port }
}

function publishedBy(port: BoundPort, places: readonly Place[]): PublishedPort[] {
  const place = publishingPlace(places)
  return place ? publishedPort(port, place) : []
}

function firewallPlan(
  stages: Stages,
  places: readonly Place[],
  held: readonly HeldSocket[],
  opened: readonly LinkedPort[],
): FirewallPlan {
  const { rootId } = stages.paths
  const published = held.flatMap((port) => publishedBy(port, places))
  return {
    slot: 0,
    add: [...publishBatches(rootId, published), ...linkBatches(rootId, opened)],
    remove: [...unpublishBatches(rootId, published), ...unlinkBatches(rootId, opened)],
  }
}

function portsPlan(
  stages: Stages,
  places: readonly Place[],
  held: readonly HeldSocket[],
  firstSlot: number,
): PortsPlan | undefined {
  const place = publishingPlace(places)
  if (!place || held.length === 0) return undefined
  const passed = held.filter(({ fd }) => fd >= 0)
  const { ipv4, ipv6 } = place.endpoint.active
  return {
    relayFilter: helperFilter('relay', stages.host),
    held: passed.map(({ protocol, hostAddress, port }, at) => ({
      slot: firstSlot + at,
      protocol,
      address: addressBytes(parseAddress((hostAddress.includes(':') ? (ipv6 ?? ipv4) : (ipv4 ?? ipv6)) ?? '')),
      port,
    })),
  }
}

/** Also for one that is on no network, or on none with names: it may come to one while it runs. */
function namesPlan(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  places: readonly Place[],
  host: HostFiles,
): NamesPlan {
  const { names: directory } = stages.networking
  const named = places.filter(({ network }) => hasNames(network))
  return {
    directory,
    view: record.id,
    viewContent: viewContent(namesView(context.containers, record, places, host)),
    resolverFilter: helperFilter('resolver', stages.host),
    resolverRules: resolverRules(),
    open: named.length > 0,
    records: named.map(({ network, endpoint }) => ({
      path: `${directory}/${network.id}`,
      header: recordHeader(network.name),
      line: recordLine(nameRecord(record, { network, endpoint })),
    })),
  }
}

/** The first place with each family gets its default route. */
export function endpointLinks(places: readonly Place[]): EndpointLink[] {
  const routed = places.filter(({ network }) => !network.definition.internal)
  const first4 = routed.find(({ endpoint }) => endpoint.active.ipv4 !== undefined)
  const first6 = routed.find(({ endpoint }) => endpoint.active.ipv6 !== undefined)
  return places.map((place) => ({
    network: place.network,
    endpoint: place.endpoint.active,
    defaultRoute: { ipv4: place === first4, ipv6: place === first6 },
  }))
}

function notRunning(container: string): InvalidStateError {
  return new InvalidStateError(`cannot join network of a non running container: ${container}: start it first`, {
    code: 'INVALID_STATE',
    details: { container, to: 'running' },
  })
}
