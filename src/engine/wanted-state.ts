import { readFileSync } from 'node:fs'
import { observe } from '../container/observe.js'
import { formatAddress } from '../network/address.js'
import type { Roads, RoadsNow, WantedState } from '../network/host-network-types.js'
import type { LinkedPort, PublishedPort } from '../network/ruleset.js'
import type { NetworkRecord, PortRecord } from '../store/networks.js'
import { linkContext, linkedPorts } from './container-links.js'
import type { NetworksContext } from './network.js'
import { hasInterfaces, placesOf, publishedPort, publishingPlace } from './networking.js'

/** Whether a container is to have what it has in the firewall. */
type Phase = 'runs' | 'changes' | 'over'
type PhaseOf = (container: string) => Phase

/**
 * All that the kernel should have of this root: the store's networks, and the roads of containers that run now.
 *
 * @param besides a container that the caller starts, which makes its roads itself
 */
export function wantedState(context: NetworksContext, besides?: string): WantedState {
  const { store } = context.stages.networking
  const phaseOf = phases(context, besides)
  const networks = store.list().filter(hasInterfaces)
  const ports = portsNow(context, phaseOf, store.ports())
  const links = linksNow(context, phaseOf, networks)
  return { networks, ...ports, ...links, isChanging: ports.isChanging || links.isChanging }
}

/** The same of the roads that this process has made for a running container: of the same ports of the host, whoever has them. */
export function roadsNow(context: NetworksContext, container: string, made: Roads): RoadsNow {
  const { store } = context.stages.networking
  const phaseOf = phases(context)
  const hostPorts = new Map(
    made.ports.map(({ protocol, hostPort }) => [`${hostPort}/${protocol}`, { protocol, hostPort }]),
  )
  const rows = [...hostPorts.values()].flatMap(({ protocol, hostPort }) =>
    store.portsWithin(protocol, hostPort, hostPort),
  )
  const addresses = new Set(made.ports.map(({ hostAddress }) => formatAddress(hostAddress)))
  const { ports, isChanging } = portsNow(
    context,
    phaseOf,
    rows.filter(({ hostAddress }) => addresses.has(hostAddress)),
  )
  const phase = phaseOf(container)
  return {
    ports,
    links: phase === 'over' ? [] : made.links,
    isChanging: isChanging || (made.links.length > 0 && phase === 'changes'),
  }
}

function portsNow(
  context: NetworksContext,
  phaseOf: PhaseOf,
  rows: readonly PortRecord[],
): { readonly ports: PublishedPort[]; readonly isChanging: boolean } {
  const owners = [...new Set(rows.map(({ container }) => container))]
  const running = owners.filter((id) => phaseOf(id) === 'runs')
  const places = new Map(running.map((id) => [id, publishingPlace(placesOf(context.stages.networking, id))]))
  return {
    ports: rows.flatMap((row) => {
      const place = places.get(row.container)
      return place ? publishedPort(row, place) : []
    }),
    isChanging: owners.some((id) => phaseOf(id) === 'changes'),
  }
}

/** Links are roads where neighbours are kept apart. */
function linksNow(
  context: NetworksContext,
  phaseOf: PhaseOf,
  networks: readonly NetworkRecord[],
): { readonly links: LinkedPort[]; readonly isChanging: boolean } {
  const { networking } = context.stages
  const apart = networks.filter(({ definition }) => !definition.icc)
  const active = apart.flatMap(({ id }) => networking.store.endpointsOn(id)).filter((endpoint) => endpoint.active)
  const running = active.filter(({ container }) => phaseOf(container) === 'runs')
  const addresses = new Set(running.map((endpoint) => endpoint.active?.ipv4))
  const links = [...new Set(running.map(({ container }) => container))]
    .flatMap((id) => linkedPorts(linkContext(context), id, placesOf(networking, id)))
    .filter(({ from, to }) => addresses.has(formatAddress(from)) && addresses.has(formatAddress(to)))
  return { links: different(links), isChanging: active.some(({ container }) => phaseOf(container) === 'changes') }
}

/** Both ends of a link tell of it. */
function different(links: readonly LinkedPort[]): LinkedPort[] {
  const key = ({ from, to, protocol, port }: LinkedPort) =>
    `${formatAddress(from)} ${formatAddress(to)} ${protocol} ${port}`
  return [...new Map(links.map((link) => [key(link), link])).values()]
}

/** At one moment: looked at once for each container. */
function phases(context: NetworksContext, besides?: string): PhaseOf {
  const known = new Map<string, Phase>(besides === undefined ? [] : [[besides, 'over']])
  return (container) => {
    const phase = known.get(container) ?? phaseOf(context, container)
    known.set(container, phase)
    return phase
  }
}

function phaseOf({ containers: context }: NetworksContext, container: string): Phase {
  const record = context.containers.get(container)
  const observed = record && observe(context, record)
  if (observed?.status === 'starting') return 'changes'
  if (observed?.status !== 'running') return 'over'
  return hasEnded(observed.pid) ? 'changes' : 'runs'
}

/** Whether the program is a zombie, whose supervisor takes away its roads before it records its end. */
function hasEnded(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
      return true
    throw error
  }
}
