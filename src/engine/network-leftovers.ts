import { failpoint } from '../errors/failpoint.js'
import { readTextFile } from '../host/index.js'
import { formatAddress, parseAddress } from '../network/address.js'
import { forgetNames } from '../network/name-records.js'
import type { LinkedPort, PublishedPort } from '../network/ruleset.js'
import type { Stages } from './assemble.js'
import { networkIds } from './networking.js'
import { awaitContainerLock } from './networks-lock.js'
import { retireEndpoints } from './retire-endpoints.js'

/** What a run adds to the kernel that does not go with its namespaces. */
export interface NetworkLeftovers {
  readonly ports: readonly PublishedPort[]
  readonly links: readonly LinkedPort[]
}

const fileName = 'network'

/** A run's leftovers as a file of its run directory, written before any of them is made. */
export function leftoversFile(runDirectory: string, { ports, links }: NetworkLeftovers) {
  const content = JSON.stringify({
    ports: ports.map((port) => ({
      ...port,
      hostAddress: formatAddress(port.hostAddress),
      address: formatAddress(port.address),
    })),
    links: links.map((link) => ({ ...link, from: formatAddress(link.from), to: formatAddress(link.to) })),
  })
  return { path: `${runDirectory}/${fileName}`, content }
}

/**
 * Takes back what a run has added, and its supervisor has not. Its run directory is locked. When the supervisor was killed,
 * the addresses and ports are still the run's own by the store; when not, they may be another container's by now.
 */
export async function clearNetwork(
  { networking, paths }: Pick<Stages, 'networking' | 'paths'>,
  id: string,
): Promise<void> {
  await awaitContainerLock(`${networking.names}/${id}`)
  const left = readLeftovers(`${paths.runRoot}/${id}/${fileName}`)
  if (!left) return
  failpoint('network.clear')
  await forgetNames(networking.names, id, networkIds(networking))
  if (left.links.length > 0) await networking.host.closeLinks(left.links)
  const isTaken = ({ protocol, hostPort, hostAddress }: PublishedPort) =>
    networking.store
      .portsWithin(protocol, hostPort, hostPort)
      .some((port) => port.container !== id && port.hostAddress === formatAddress(hostAddress))
  await networking.host.unpublish(left.ports.filter((port) => !isTaken(port)))
  await retireEndpoints(networking, { container: id })
}

interface Port extends Omit<PublishedPort, 'hostAddress' | 'address'> {
  readonly hostAddress: string
  readonly address: string
}

interface Link extends Omit<LinkedPort, 'from' | 'to'> {
  readonly from: string
  readonly to: string
}

function readLeftovers(path: string): NetworkLeftovers | undefined {
  const text = readTextFile(path)
  // The supervisor was killed while it wrote it: nothing had been made yet.
  if (!text?.endsWith('}')) return undefined
  const { ports, links } = JSON.parse(text) as { ports: Port[]; links: Link[] }
  return {
    ports: ports.map((port) => ({
      ...port,
      hostAddress: parseAddress(port.hostAddress),
      address: parseAddress(port.address),
    })),
    links: links.map((link) => ({ ...link, from: parseAddress(link.from), to: parseAddress(link.to) })),
  }
}
