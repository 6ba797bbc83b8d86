import type { ContainerContext } from '../container/context.js'
import { InvalidOptionError, NotFoundError } from '../errors/index.js'
import type { EndpointSettings } from '../network/definition.js'
import { checkEndpointSettings, sharedContainer } from '../spec/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { LinkRecord } from '../store/links.js'
import type { NetworkRecord } from '../store/networks.js'
import { activateEndpoints } from './endpoints.js'
import { hasInterfaces, hasNames, type Networking } from './networking.js'

interface Place {
  readonly network: NetworkRecord
  readonly settings: EndpointSettings
}

/** Which network a container is made on, and what it asks there. */
export interface Membership {
  /** Undefined: it shares another container's. */
  readonly network: NetworkRecord | undefined
  readonly settings: EndpointSettings
  /** Further ones. */
  readonly others: readonly Place[]
  /** On the default bridge. */
  readonly links: readonly LinkRecord[]
}

/**
 * Finds the network that a container asks for, and the containers that it links to.
 *
 * @throws {NotFoundError} NETWORK_NOT_FOUND, CONTAINER_NOT_FOUND; {InvalidOptionError} INVALID_OPTION
 */
export async function membershipOf(
  networking: Networking,
  context: ContainerContext,
  { id, name, config }: ContainerRecord,
): Promise<Membership> {
  const settings = settingsOf(config)
  const other = sharedContainer(config.network)
  if (other !== undefined) {
    if (other === name || other === id) throw refuse('network', other, 'cannot join own network')
    context.containers.find(other)
    return { network: undefined, settings, others: [], links: [] }
  }
  const network = await find(networking, config.network)
  const others = await placesOf(networking, config.networks ?? [])
  const isUserDefined = hasNames(network)
  checkEndpointSettings(settings, isUserDefined)
  if (isUserDefined || !hasInterfaces(network)) return { network, settings, others, links: [] }
  return {
    network,
    others,
    settings: { ...settings, links: [] },
    links: config.links.map(({ container, alias }) => ({
      container: id,
      alias,
      target: linked(context, name, container),
    })),
  }
}

async function find(networking: Networking, network: string): Promise<NetworkRecord> {
  return network === 'bridge' ? await networking.bridge() : networking.store.find(network)
}

async function placesOf(
  networking: Networking,
  asked: readonly { readonly network: string; readonly settings: EndpointSettings }[],
): Promise<Place[]> {
  const places: Place[] = []
  for (const { network: name, settings } of asked) {
    const network = await find(networking, name)
    checkEndpointSettings(settings, hasNames(network))
    places.push({ network, settings })
  }
  return places
}

/** Makes a container's places in the transaction that inserts its record; with `attempt` above 0 it is being started. */
export function join({ store, links }: Networking, record: ContainerRecord, membership: Membership): void {
  if (membership.network) store.connect(record.id, membership.network, membership.settings)
  for (const { network, settings } of membership.others) store.connect(record.id, network, settings)
  links.insert(membership.links)
  if (record.attempt > 0) activateEndpoints(store, record.id, record.attempt)
}

function settingsOf({ ip, ip6, macAddress, networkAliases, links }: ContainerRecord['config']): EndpointSettings {
  return {
    ...(ip !== undefined && { ip }),
    ...(ip6 !== undefined && { ip6 }),
    ...(macAddress !== undefined && { mac: macAddress }),
    aliases: networkAliases,
    links,
  }
}

function linked({ containers }: ContainerContext, name: string, container: string): string {
  if (name !== '' && container === name)
    throw refuse('link', container, `could not get container for ${container}: a container cannot link to itself`)
  const target = found(containers, container)
  if (target.config.network !== 'host') return target.id
  throw refuse(
    'link',
    container,
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  )
}

function found(containers: ContainerContext['containers'], container: string): ContainerRecord {
  try {
    return containers.find(container)
  } catch (cause) {
    if (!(cause instanceof NotFoundError)) throw cause
    throw new NotFoundError(`could not get container for ${container}: ${cause.message}: make it first`, {
      code: 'CONTAINER_NOT_FOUND',
      cause,
      details: { option: 'link', container },
    })
  }
}

function refuse(option: string, value: string, message: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', details: { option, value } })
}
