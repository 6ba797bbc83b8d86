import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { runDirectory } from '../container/run-directory.js'
import { failpoint } from '../errors/failpoint.js'
import { ConflictError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import type { EndpointSettings } from '../network/definition.js'
import { addNames, removeNames } from '../network/name-records.js'
import { checkEndpointSettings } from '../spec/endpoint-settings.js'
import { hasOwnNetwork } from '../spec/network-mode.js'
import type { ContainerRecord } from '../store/containers.js'
import type { NetworkRecord } from '../store/networks.js'
import { linkContext, linkedPorts } from './container-links.js'
import { nameRecord } from './container-names.js'
import { activateEndpoint, nextInterface } from './endpoints.js'
import {
  forgetIfOver,
  hasView,
  openResolver,
  removeView,
  updateOwnHosts,
  updateResolvConf,
  updateView,
} from './live-files.js'
import { changeNetworks, endpointLinkOf, type RunningContainer, sameRun } from './live-network.js'
import type { NetworksContext } from './network.js'
import { leftoversFile } from './network-leftovers.js'
import { hasInterfaces, hasNames, type Place, placesOf, publishedPort, publishingPlace } from './networking.js'
import { renewTexts, tellPlace } from './run-events.js'
import { roadsNow, wantedState } from './wanted-state.js'

/** Connects a container with a network; with one that runs, at once. */
export async function connectContainer(
  context: NetworksContext,
  network: NetworkRecord,
  nameOrId: string,
  asked: EndpointSettings,
  signal: AbortSignal | undefined,
): Promise<void> {
  checkEndpointSettings(asked, hasNames(network))
  const settings = hasNames(network) ? asked : { ...asked, links: [] }
  await changeNetworks(context, nameOrId, signal, {
    idle(record) {
      checkModes(context, record, network)
      const { store } = context.stages.networking
      // One that does not run is just told anew.
      store.disconnect(record.id, network.id)
      store.connect(record.id, network, settings)
    },
    running: (container) => connectRunning(context, container, network, settings),
  })
}

/** Which networks go together. */
function checkModes({ stages }: NetworksContext, { id, config }: ContainerRecord, network: NetworkRecord): void {
  if (!hasOwnNetwork(config.network))
    throw refused(
      'container sharing network namespace with another container or host cannot be connected to any other network',
      id,
    )
  if (network.definition.driver === 'host')
    throw refused('container cannot be disconnected from host network or connected to host network', id)
  const { store } = stages.networking
  const others = store.endpointsOf(id).filter((endpoint) => endpoint.network !== network.id)
  const isPrivate = others.some((endpoint) => store.get(endpoint.network)?.definition.driver === 'null')
  if (isPrivate || (network.definition.driver === 'null' && others.length > 0))
    throw refused(
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      id,
    )
}

export function refused(message: string, container: string): ConflictError {
  return new ConflictError(message, { code: 'NETWORK_PREDEFINED', details: { container } })
}

type Undo = () => void | Promise<void>

async function connectRunning(
  context: NetworksContext,
  container: RunningContainer,
  network: NetworkRecord,
  settings: EndpointSettings,
): Promise<boolean> {
  const { networking } = context.stages
  const before = placesOf(networking, container.record.id)
  const record = recordPlace(context, container.record, network, settings)
  if (!record) return false
  const undo: Undo[] = [() => forgetPlace(context, record, network)]
  try {
    failpoint('connect.record')
    await attach(context, { ...container, record }, network, before, undo)
    renewTexts(context.stages, context.containers, record)
    return true
  } catch (error) {
    // What cannot be undone is the container's, and goes with it.
    for (const step of undo.reverse()) await reporting('', step).catch(() => {})
    throw error
  }
}

function forgetPlace(context: NetworksContext, { id }: ContainerRecord, network: NetworkRecord): void {
  const { store } = context.stages.networking
  store.transaction(() => {
    if (store.disconnect(id, network.id)) tellPlace(context.containers, network, 'disconnect', id)
  })
}

/** The record of a container with its new place, which has its addresses; undefined: its run is over. */
function recordPlace(
  context: NetworksContext,
  record: ContainerRecord,
  network: NetworkRecord,
  settings: EndpointSettings,
): ContainerRecord | undefined {
  const { store } = context.stages.networking
  return store.transaction(() => {
    const now = sameRun(context.containers, record)
    if (!now) return undefined
    checkModes(context, now, network)
    const index = nextInterface(store.endpointsOf(now.id))
    activateEndpoint(store, store.connect(now.id, network, settings), now.attempt, index)
    tellPlace(context.containers, network, 'connect', now.id)
    return now
  })
}

async function attach(
  context: NetworksContext,
  { record, namespace }: RunningContainer,
  network: NetworkRecord,
  before: readonly Place[],
  undo: Undo[],
): Promise<void> {
  const { networking } = context.stages
  const { host } = networking
  const places = placesOf(networking, record.id)
  const place = places.find((one) => one.network.id === network.id)
  const link = endpointLinkOf(places, network.id)
  if (!place || !link || !hasInterfaces(network)) return
  await host.ensure([network], () => wantedState(context))
  failpoint('connect.attach')
  undo.push(() => host.detach(link, namespace, undefined))
  await host.attach(link, namespace)
  await openRoads(context, record, place, before, places, undo)
  if (hasNames(network)) await announce(context, record, place, before, places, undo)
  failpoint('connect.hosts')
  undo.push(() => updateOwnHosts(context, record, before))
  updateOwnHosts(context, record, places)
}

/** Links and published ports that lead through the new place. */
async function openRoads(
  context: NetworksContext,
  record: ContainerRecord,
  place: Place,
  before: readonly Place[],
  places: readonly Place[],
  undo: Undo[],
): Promise<void> {
  const { networking } = context.stages
  const { host, store } = networking
  const links = linkContext(context)
  const opened = linkedPorts(links, record.id, [place])
  const isPublishing = !publishingPlace(before) && publishingPlace(places) === place
  const ports = isPublishing ? store.portsOf(record.id).flatMap((port) => publishedPort(port, place)) : []
  if (opened.length + ports.length === 0) return
  noteLeftovers(context, record, places)
  failpoint('connect.roads')
  undo.push(() => host.closeLinks(opened))
  await host.openLinks(opened)
  undo.push(() => host.unpublish(ports))
  await host.publish(ports)
  const made = { ports, links: opened }
  await host.follow(made, () => roadsNow(context, record.id, made))
}

/** What is to be undone if its supervisor is killed: written before it is made. */
function noteLeftovers(context: NetworksContext, { id }: ContainerRecord, places: readonly Place[]): void {
  const { store } = context.stages.networking
  const place = publishingPlace(places)
  const ports = place ? store.portsOf(id).flatMap((port) => publishedPort(port, place)) : []
  const links = linkedPorts(linkContext(context), id, places)
  const directory = runDirectory(context.containers.runRoot, id)
  const { path, content } = leftoversFile(directory, { ports, links })
  if (!existsSync(path)) return
  writeFileSync(`${path}.new`, content, { mode: 0o644 })
  renameSync(`${path}.new`, path)
}

/** Lets others find it, and it them. */
async function announce(
  context: NetworksContext,
  record: ContainerRecord,
  place: Place,
  before: readonly Place[],
  places: readonly Place[],
  undo: Undo[],
): Promise<void> {
  if ((await openResolver(context, record.id)) === 'none') return
  const { names } = context.stages.networking
  failpoint('connect.view')
  const had = hasView(context, record)
  undo.push(async () => {
    if (!had) return removeView(context, record)
    updateView(context, record, before)
    await forgetIfOver(context, record.id)
  })
  updateView(context, record, places)
  failpoint('connect.names')
  undo.push(() => removeNames(names, place.network.id, record.id))
  await addNames(names, place.network, nameRecord(record, place))
  const resolver = await forgetIfOver(context, record.id)
  failpoint('connect.resolv-conf')
  if (resolver === 'answers') updateResolvConf(context, record, before, places)
}
