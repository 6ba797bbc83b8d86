import { failpoint } from '../errors/failpoint.js'
import { ConflictError, NotFoundError } from '../errors/index.js'
import type { Roads } from '../network/host-network-types.js'
import { removeNames } from '../network/name-records.js'
import type { PublishedPort } from '../network/ruleset.js'
import type { ContainerRecord } from '../store/containers.js'
import type { NetworkRecord } from '../store/networks.js'
import { linkContext, linkedPorts } from './container-links.js'
import { forgetIfOver, hasView, updateOwnHosts, updateResolvConf, updateView } from './live-files.js'
import { changeNetworks, endpointLinkOf, type RunningContainer, sameRun } from './live-network.js'
import type { NetworksContext } from './network.js'
import { refused } from './network-connect.js'
import { type Place, placesOf, publishedPort, publishingPlace } from './networking.js'
import { retireEndpoints } from './retire-endpoints.js'
import { renewTexts, tellPlace } from './run-events.js'
import { roadsNow } from './wanted-state.js'
import { endpointLinks } from './wiring.js'

/** Takes a container off a network; one that runs, at once. */
export async function disconnectContainer(
  context: NetworksContext,
  network: NetworkRecord,
  nameOrId: string,
  { force, signal }: { readonly force: boolean; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { store } = context.stages.networking
  const checked = (record: ContainerRecord) => checkConnected(context, record, network)
  try {
    await changeNetworks(context, nameOrId, signal, {
      idle(record) {
        checked(record)
        store.disconnect(record.id, network.id)
        tellPlace(context.containers, network, 'disconnect', record.id)
      },
      async running(container) {
        checked(container.record)
        return disconnectRunning(context, container, network)
      },
    })
  } catch (error) {
    if (force && error instanceof NotFoundError) throw noEndpoint(nameOrId, error)
    throw error
  }
}

function checkConnected({ stages }: NetworksContext, { id, config }: ContainerRecord, network: NetworkRecord): void {
  if (config.network === 'host' || network.definition.driver === 'host')
    throw refused('container cannot be disconnected from host network or connected to host network', id)
  if (stages.networking.store.endpointsOf(id).some((endpoint) => endpoint.network === network.id)) return
  throw new ConflictError(`container ${id} is not connected to network ${network.name}`, {
    code: 'NOT_CONNECTED',
    details: { container: id, network: network.name },
  })
}

function noEndpoint(container: string, cause: unknown): NotFoundError {
  return new NotFoundError(`endpoint ${container} not found`, {
    code: 'CONTAINER_NOT_FOUND',
    cause,
    details: { container },
  })
}

/** Its interface goes first: when that fails all is as it was. What follows can be done again, by whoever tries again. */
async function disconnectRunning(
  context: NetworksContext,
  { record, namespace }: RunningContainer,
  network: NetworkRecord,
): Promise<boolean> {
  const { networking } = context.stages
  const before = placesOf(networking, record.id)
  const place = before.find((one) => one.network.id === network.id)
  const roads = roadsThrough(context, record, place, before)
  if (place) await leave(context, { record, namespace }, place, before, roads)
  failpoint('disconnect.record')
  const isDone = networking.store.transaction(() => {
    if (!sameRun(context.containers, record)) return false
    networking.store.disconnect(record.id, network.id)
    tellPlace(context.containers, network, 'disconnect', record.id)
    return true
  })
  if (isDone) renewTexts(context.stages, context.containers, record)
  // Who has repaired the firewall meanwhile saw the container still there.
  await networking.host.follow(roads, () => roadsNow(context, record.id, { ports: roads.ports, links: [] }))
  return isDone
}

/** Links and published ports that lead through a place. */
function roadsThrough(
  context: NetworksContext,
  record: ContainerRecord,
  place: Place | undefined,
  before: readonly Place[],
): Roads {
  if (!place) return { ports: [], links: [] }
  const ports = publishingPlace(before) === place ? context.stages.networking.store.portsOf(record.id) : []
  return {
    ports: ports.flatMap((port) => publishedPort(port, place)),
    links: linkedPorts(linkContext(context), record.id, [place]),
  }
}

async function leave(
  context: NetworksContext,
  { record, namespace }: RunningContainer,
  place: Place,
  before: readonly Place[],
  roads: Roads,
): Promise<void> {
  const { host, names } = context.stages.networking
  const after = before.filter((one) => one !== place)
  failpoint('disconnect.detach')
  await detach(context, namespace, place, before, after)
  failpoint('disconnect.names')
  await removeNames(names, place.network.id, record.id)
  failpoint('disconnect.roads')
  await host.closeLinks(roads.links)
  await movePorts(context, record, roads.ports, after)
  await retireEndpoints(context.stages.networking, { container: record.id, network: place.network.id })
  failpoint('disconnect.view')
  if (hasView(context, record)) {
    updateView(context, record, after)
    await forgetIfOver(context, record.id)
    updateResolvConf(context, record, before, after)
  }
  failpoint('disconnect.hosts')
  updateOwnHosts(context, record, after)
}

/** The default routes that it had go to those that have them without it. */
async function detach(
  { stages }: NetworksContext,
  namespace: number,
  place: Place,
  before: readonly Place[],
  after: readonly Place[],
): Promise<void> {
  const link = endpointLinkOf(before, place.network.id)
  if (!link) return
  const { ipv4, ipv6 } = link.defaultRoute
  const heirs = endpointLinks(after).filter(
    ({ defaultRoute }) => (ipv4 && defaultRoute.ipv4) || (ipv6 && defaultRoute.ipv6),
  )
  const [first, ...others] = heirs
  await stages.networking.host.detach(link, namespace, first)
  for (const heir of others) await stages.networking.host.detach(link, namespace, heir)
}

/** What it publishes leads through the next place, if there is one. */
async function movePorts(
  { stages }: NetworksContext,
  record: ContainerRecord,
  ports: readonly PublishedPort[],
  after: readonly Place[],
): Promise<void> {
  if (ports.length === 0) return
  const { host, store } = stages.networking
  await host.unpublish(ports)
  const next = publishingPlace(after)
  if (next) await host.publish(store.portsOf(record.id).flatMap((port) => publishedPort(port, next)))
}
