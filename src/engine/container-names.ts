import type { NameRecord, NamesView } from '../network/name-records.js'
import type { ContainerRecord, ContainerStore } from '../store/containers.js'
import type { HostFiles } from './managed-files.js'
import { hasNames, type Place } from './networking.js'
import { upstreamServers } from './resolv-conf.js'

/** What a container is called on a network with names: its name, its short id, its aliases, the hostname it was given. */
export function nameRecord({ id, name, config }: Named, { endpoint }: Place): NameRecord {
  const { active, settings } = endpoint
  return {
    container: id,
    ...(active.ipv4 !== undefined && { ipv4: active.ipv4 }),
    ...(active.ipv6 !== undefined && { ipv6: active.ipv6 }),
    names: [
      name,
      id.slice(0, 12),
      ...settings.aliases,
      ...(/^[\w.-]+$/.test(config.hostname) ? [config.hostname] : []),
    ],
  }
}

type Named = Pick<ContainerRecord, 'id' | 'name' | 'config'>

/** What a container's resolver knows while it is at these places. */
export function namesView(
  containers: Pick<ContainerStore, 'find'>,
  { config }: Pick<ContainerRecord, 'config'>,
  places: readonly Place[],
  host: HostFiles,
): NamesView {
  const named = places.filter(({ network }) => hasNames(network))
  const ipv6 = places.some(({ endpoint }) => endpoint.active.ipv6 !== undefined)
  return {
    networks: named.map(({ network }) => network.id),
    aliases: named.flatMap(({ endpoint }) =>
      endpoint.settings.links.map(({ container, alias }) => ({ alias, container: nameOf(containers, container) })),
    ),
    servers: upstreamServers({ dns: config.dns, host: host.resolvConf, ipv6 }),
    internal: places.every(({ network }) => network.definition.internal),
    ndots: config.dnsOptions.some((option) => option.startsWith('ndots:')),
  }
}

/** Names are looked up when they are asked for; an id may have been given. */
function nameOf(containers: Pick<ContainerStore, 'find'>, container: string): string {
  try {
    return containers.find(container).name
  } catch {
    return container
  }
}
