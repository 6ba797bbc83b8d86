import { ConflictError } from '../errors/index.js'
import type { ImageStore } from '../image/index.js'
import { parseAddress } from '../network/address.js'
import type { LinkedPort } from '../network/ruleset.js'
import { linkEnvironment } from '../spec/index.js'
import type { ContainerRecord, ContainerStore } from '../store/containers.js'
import type { LinkRecord } from '../store/links.js'
import type { NetworksContext } from './network.js'
import { hasNames, type Networking, type Place, placesOf } from './networking.js'

/** What links are looked up in. */
export interface LinkContext {
  readonly containers: Pick<ContainerStore, 'get' | 'find'>
  readonly images: Pick<ImageStore, 'resolve'>
  readonly networking: Networking
}

export function linkContext({ stages, containers }: NetworksContext): LinkContext {
  return { containers: containers.containers, images: stages.images, networking: stages.networking }
}

/** A container that another knows by an alias, on the default bridge, where it runs. */
export interface LinkTarget {
  readonly alias: string
  readonly record: ContainerRecord
  readonly ipv4: string
  readonly exposedPorts: readonly string[]
}

/**
 * What a container links to on the default bridge.
 *
 * @throws {ConflictError} LINK_FAILED when one of them does not run, or not there
 */
export function linkTargets(context: LinkContext, container: ContainerRecord): LinkTarget[] {
  return context.networking.links.of(container.id).map((link) => {
    const target = targetOf(context, link)
    if (target) return target
    const name = context.containers.get(link.target)?.name ?? link.target
    const isOnBridge = context.networking.store
      .endpointsOf(link.target)
      .some(({ networkName }) => networkName === 'bridge')
    throw isOnBridge ? notRunning(name, container.name, link.alias) : notOnBridge(name, container.name, link.alias)
  })
}

/** Those of them that run. */
export function runningTargets(context: LinkContext, container: ContainerRecord): LinkTarget[] {
  return context.networking.links.of(container.id).flatMap((link) => targetOf(context, link) ?? [])
}

function targetOf(context: LinkContext, { alias, target }: LinkRecord): LinkTarget | undefined {
  const record = context.containers.get(target)
  const ipv4 = placesOf(context.networking, target).find(({ network }) => !hasNames(network))?.endpoint.active.ipv4
  if (!record || ipv4 === undefined) return undefined
  return { alias, record, ipv4, exposedPorts: exposedPorts(context, record) }
}

/** The variables that tell a container of what it links to. */
export function linkVariables(
  { images }: Pick<LinkContext, 'images'>,
  { name }: ContainerRecord,
  targets: readonly LinkTarget[],
): string[] {
  return targets.flatMap(({ alias, record, ipv4, exposedPorts: ports }) => {
    const { env } = record.config
    const own = new Set(env.map(nameOf))
    const ofImage = images.resolve(record.image).config.Env ?? []
    const environment = [...env, ...ofImage.filter((variable) => !own.has(nameOf(variable)))]
    return linkEnvironment(name, { alias, address: ipv4, exposedPorts: ports, environment })
  })
}

const nameOf = (variable: string) => variable.split('=', 1)[0]

/** Those that it publishes or exposes, and its image's: `80/tcp`. */
export function exposedPorts({ images }: Pick<LinkContext, 'images'>, { config, image }: ContainerRecord): string[] {
  const exposed = Object.keys(images.resolve(image).config.ExposedPorts ?? {})
  return [...new Set([...config.exposedPorts, ...exposed])]
}

/** What links open between a container and its neighbours, both ways, on networks that keep neighbours apart. */
export function linkedPorts(context: LinkContext, container: string, places: readonly Place[]): LinkedPort[] {
  return places
    .filter(({ network: { definition } }) => !definition.icc)
    .flatMap((place) => portsAt(context, container, place))
}

function portsAt(context: LinkContext, container: string, { network, endpoint }: Place): LinkedPort[] {
  const { store } = context.networking
  const addressOf = (id: string) => store.endpointsOf(id).find((one) => one.network === network.id)?.active?.ipv4
  const pairs = hasNames(network)
    ? store
        .linkingOn(network.id)
        .flatMap(({ container: from, settings }) =>
          settings.links.flatMap((link) => known(context, link.container).map((target) => ({ from, target }))),
        )
    : [...context.networking.links.of(container), ...context.networking.links.to(container)].map((link) => ({
        from: link.container,
        target: link.target,
      }))
  const own = pairs.filter(({ from, target }) => from === container || target === container)
  return own.flatMap(({ from, target }) => {
    const record = context.containers.get(target)
    const addresses = { from: addressOf(from), to: addressOf(target) }
    if (!record || !endpoint.active || addresses.from === undefined || addresses.to === undefined) return []
    const between = { from: parseAddress(addresses.from), to: parseAddress(addresses.to) }
    return exposedPorts(context, record).map((text) => ({ ...between, ...exposedPort(text) }))
  })
}

/** On a network with names, a link may come before its target. */
function known({ containers }: LinkContext, nameOrId: string): string[] {
  try {
    return [containers.find(nameOrId).id]
  } catch {
    return []
  }
}

/** `80/tcp`, parsed. */
export function exposedPort(text: string): Pick<LinkedPort, 'protocol' | 'port'> {
  const [port = '', protocol = 'tcp'] = text.split('/')
  return { protocol: protocol as LinkedPort['protocol'], port: Number.parseInt(port, 10) }
}

function notOnBridge(target: string, container: string, alias: string): ConflictError {
  return new ConflictError(
    `Cannot link to /${target}, as it does not belong to the default network: put both on a network of their own`,
    { code: 'LINK_FAILED', details: { target, container, alias } },
  )
}

function notRunning(target: string, container: string, alias: string): ConflictError {
  return new ConflictError(
    `Cannot link to a non running container: /${target} AS /${container}/${alias}: start ${target} first`,
    { code: 'LINK_FAILED', details: { target, container, alias } },
  )
}
