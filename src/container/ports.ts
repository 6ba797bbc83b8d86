import { InvalidOptionError, NotFoundError } from '../errors/index.js'
import type { BoundPort } from '../network/definition.js'
import type { ContainerEndpoint } from './networking.js'

/** Where a port of a container is reached from. */
export interface HostPort {
  /** `0.0.0.0` or `::` for all addresses of the family. */
  readonly hostAddress: string
  readonly hostPort: number
}

/** A port of a container as a list shows it; one that is only exposed has no host's. */
export interface ContainerPort extends Partial<HostPort> {
  readonly port: number
  readonly protocol: 'tcp' | 'udp' | 'sctp'
}

/** By the container's ports (`'80/tcp'`), in order. */
export type PublishedPorts = Readonly<Record<string, readonly HostPort[]>>

const nameOf = ({ port, protocol }: ContainerPort) => `${port}/${protocol}`

/** What is published, as `docker port` tells it. */
export function publishedPorts(ports: readonly BoundPort[]): PublishedPorts {
  const published: Record<string, HostPort[]> = {}
  for (const port of [...ports].sort(inOrder)) {
    const { hostAddress, hostPort } = port
    published[nameOf(port)] = [...(published[nameOf(port)] ?? []), { hostAddress, hostPort }]
  }
  return published
}

/**
 * Where one port is published: `0.0.0.0:8080`, a line for each address.
 *
 * @throws {NotFoundError} PORT_NOT_PUBLISHED; {InvalidOptionError} INVALID_OPTION when it is no port
 */
export function portAddresses(container: string, ports: readonly BoundPort[], wanted: string | number): string[] {
  const [, port, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(String(wanted)) ?? []
  if (port === undefined)
    throw new InvalidOptionError(`invalid port (${wanted}): write it as in '80' or '53/udp'`, {
      code: 'INVALID_OPTION',
      details: { option: 'port', value: wanted },
    })
  const found = publishedPorts(ports)[`${Number(port)}/${protocol.toLowerCase()}`]
  if (found) return found.map(hostText)
  throw new NotFoundError(
    `No public port '${wanted}' published for ${container}: publish it when the container is made`,
    {
      code: 'PORT_NOT_PUBLISHED',
      details: { container, port: String(wanted) },
    },
  )
}

/** Published and exposed ports, as a list shows them: none while it runs on no network with interfaces. */
export function reachablePorts({ endpoints, ports }: Reachable, exposed: readonly string[]): ContainerPort[] {
  if (!isReachable(endpoints)) return []
  const published = new Set(ports.map(nameOf))
  const others = exposed.filter((name) => !published.has(name)).map(exposedPort)
  const bound = ports.map(({ protocol, port, hostAddress, hostPort }) => ({ port, protocol, hostAddress, hostPort }))
  return [...bound, ...others].sort(inOrder)
}

/** What a list knows of a container's networks. */
interface Reachable {
  readonly endpoints: readonly Pick<ContainerEndpoint, 'active'>[]
  readonly ports: readonly BoundPort[]
}

export function isReachable(endpoints: readonly Pick<ContainerEndpoint, 'active'>[]): boolean {
  return endpoints.some(({ active }) => active?.ipv4 !== undefined || active?.ipv6 !== undefined)
}

function exposedPort(name: string): ContainerPort {
  const [port, protocol = 'tcp'] = name.split('/')
  return { port: Number(port), protocol: protocol as ContainerPort['protocol'] }
}

/**
 * Ports as a line of `docker ps` has them: those that have the same number on both sides, and those that are only exposed,
 * joined to ranges.
 *
 * @example formatPorts(summary.ports) // '0.0.0.0:80-81->80-81/tcp, [::]:80-81->80-81/tcp, 90/udp'
 */
export function formatPorts(ports: readonly ContainerPort[]): string {
  const isMoved = ({ port, hostPort }: ContainerPort) => hostPort !== undefined && hostPort !== port
  const open = new Map<string, Run>()
  const ended: Run[] = []
  for (const one of [...ports].sort(inOrder).filter((port) => !isMoved(port))) {
    const key = `${one.hostAddress ?? ''}/${one.protocol}`
    const run = open.get(key)
    if (run && run.last === one.port - 1) {
      run.last = one.port
      continue
    }
    if (run) ended.push({ ...run })
    if (run) Object.assign(run, { first: one.port, last: one.port })
    else open.set(key, { of: one, first: one.port, last: one.port })
  }
  const moved = ports.filter(isMoved).sort(inOrder)
  return [
    ...[...ended, ...open.values()].map(runText),
    ...moved.map((port) => `${hostText(port)}->${nameOf(port)}`),
  ].join(', ')
}

/** Ports without a gap, at one address. */
interface Run {
  readonly of: ContainerPort
  first: number
  last: number
}

function runText({ of: { hostAddress, protocol }, first, last }: Run): string {
  const range = first === last ? `${first}` : `${first}-${last}`
  return hostAddress === undefined ? `${range}/${protocol}` : `${bracketed(hostAddress)}:${range}->${range}/${protocol}`
}

function hostText({ hostAddress = '', hostPort }: Partial<HostPort>): string {
  return `${bracketed(hostAddress)}:${hostPort}`
}

const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address)

function inOrder(one: ContainerPort, other: ContainerPort): number {
  return (
    one.port - other.port ||
    compareText(one.hostAddress ?? '', other.hostAddress ?? '') ||
    (one.hostPort ?? 0) - (other.hostPort ?? 0) ||
    compareText(one.protocol, other.protocol)
  )
}

const compareText = (one: string, other: string) => (one < other ? -1 : Number(one > other))
