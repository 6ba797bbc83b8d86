import type { ContainerContext } from '../container/context.js'
import type { ContainerRecord } from '../store/containers.js'
import type { LinkTarget } from './container-links.js'
import { type LinkedHost, linkEntry } from './hosts-file.js'
import { managedPaths } from './managed-files.js'
import type { Networking } from './networking.js'
import { updateHosts } from './rewrite.js'
import type { Wiring } from './wiring.js'

/** A link as the hosts file of the container that links shows it. */
export function linkedHost({ alias, record, ipv4 }: Pick<LinkTarget, 'alias' | 'record' | 'ipv4'>): LinkedHost {
  const hostname = record.config.hostname || record.id.slice(0, 12)
  return { alias, hostname, name: record.name, addresses: [ipv4] }
}

/** Tells running containers that link to this one of its address, which may be another than in its last run. */
export function updateLinkingHosts(
  { links }: Networking,
  { runRoot }: Pick<ContainerContext, 'runRoot'>,
  record: ContainerRecord,
  { places }: Pick<Wiring, 'places'>,
): void {
  const ipv4 = places[0]?.endpoint.active.ipv4
  if (ipv4 === undefined) return
  for (const { container, alias } of links.to(record.id)) {
    const { hosts } = managedPaths(`${runRoot}/${container}`)
    updateHosts(hosts, [linkEntry(linkedHost({ alias, record, ipv4 }))])
  }
}
