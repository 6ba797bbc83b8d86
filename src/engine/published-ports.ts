import { closeSync, readFileSync } from 'node:fs'
import { ConflictError, InvalidOptionError } from '../errors/index.js'
import { native } from '../host/index.js'
import { type Address, addressBytes, formatAddress, parseAddress } from '../network/address.js'
import type { BoundPort } from '../network/definition.js'
import { internalMark } from '../network/ruleset.js'
import type { PortBinding } from '../spec/options.js'

/** A port of the host that this process holds for a container. */
export interface HeldSocket extends BoundPort {
  /** -1: the kernel has no sockets of the protocol, so that nobody else can take the port. */
  readonly fd: number
}

/** What is asked for, of which containers may have taken some. */
export interface PortsRequest {
  readonly bindings: readonly PortBinding[]
  /** Where those are published that name no address. */
  readonly hostBinding: string
  /** The port that was given last of the ephemeral ones; the next is tried first. */
  readonly lastDynamic: number
  /** How the container is called in messages. */
  readonly container: string
}

const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const

/**
 * Takes ports of the host: binds them, so that nobody else can while the sockets are open.
 *
 * @throws {ConflictError} PORT_IN_USE, with none of them taken; {InvalidOptionError} for an address that is not the host's, or
 *   more ports than a container can hold
 */
export function holdPorts(request: PortsRequest): HeldSocket[] {
  checkCount(request)
  const held: HeldSocket[] = []
  try {
    let { lastDynamic } = request
    for (const binding of request.bindings) {
      const sockets = holdBinding(binding, { ...request, lastDynamic })
      held.push(...sockets)
      if (binding.hostPort[0] === 0) lastDynamic = sockets[0]?.hostPort ?? lastDynamic
    }
    return held
  } catch (error) {
    releasePorts(held)
    throw error
  }
}

/** A supervisor takes 1,024 descriptors, one for each bind mount among them. */
const mostSockets = 768

function checkCount({ bindings, hostBinding, container }: PortsRequest): void {
  const count = bindings.reduce((sum, { hostAddress }) => sum + hostAddresses(hostAddress, hostBinding).length, 0)
  if (count <= mostSockets) return
  throw new InvalidOptionError(
    `cannot publish ${bindings.length} ports of ${container}: they need ${count} sockets, and a container holds ${mostSockets}: publish fewer, or on one address, as in '0.0.0.0:9000-9500:9000-9500', where a port needs one socket and not one of each family; or share the host's network`,
    { code: 'INVALID_OPTION', details: { option: 'publish', ports: bindings.length, most: mostSockets } },
  )
}

/** Closes this process's sockets; a port that was passed to a supervisor stays held by it. */
export function releasePorts(held: readonly HeldSocket[]): void {
  for (const { fd } of held) if (fd >= 0) closeSync(fd)
}

/** The first port of the asked range that is free at all its addresses. */
function holdBinding(binding: PortBinding, request: PortsRequest): HeldSocket[] {
  const addresses = hostAddresses(binding.hostAddress, request.hostBinding)
  for (const port of candidates(binding, request.lastDynamic)) {
    const held = holdAll(binding, addresses, port, request)
    if (held) return held
  }
  throw inUse(binding, addresses[0] as HostAddress, request.container)
}

interface HostAddress {
  readonly address: Address
  /** Beside an IPv4 one: left out where the host has no IPv6. */
  readonly optional: boolean
}

/** Of no address in particular, and with a network that says nothing else: all of the host's, of both families. */
function hostAddresses(asked: string, hostBinding: string): HostAddress[] {
  const address = parseAddress(asked || hostBinding)
  if (asked !== '' || hostBinding !== '0.0.0.0') return [{ address, optional: false }]
  return [
    { address, optional: false },
    { address: parseAddress('::'), optional: true },
  ]
}

function* candidates({ hostPort: [first, last] }: PortBinding, lastDynamic: number): Generator<number> {
  if (first > 0) {
    for (let port = first; port <= last; port++) yield port
    return
  }
  const [low, high] = ephemeralRange()
  const start = lastDynamic >= low && lastDynamic < high ? lastDynamic + 1 : low
  for (let port = start; port <= high; port++) yield port
  for (let port = low; port < start; port++) yield port
}

/** @see ip(7) */
function ephemeralRange(): [low: number, high: number] {
  const [low = 32768, high = 60999] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .trim()
    .split(/\s+/)
    .map(Number)
  return [low, high]
}

const unavailable: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

function holdAll(
  binding: PortBinding,
  addresses: readonly HostAddress[],
  port: number,
  request: PortsRequest,
): HeldSocket[] | undefined {
  const held: HeldSocket[] = []
  for (const { address, optional } of addresses) {
    try {
      held.push(hold(binding, address, port))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (optional && unavailable.has(code)) continue
      releasePorts(held)
      if (code === 'EADDRINUSE') return undefined
      throw refused(error as NodeJS.ErrnoException, binding, address, port, request.container)
    }
  }
  return held
}

function hold({ protocol, port: containerPort }: PortBinding, address: Address, port: number): HeldSocket {
  const bound = { protocol, hostAddress: formatAddress(address), hostPort: port, port: containerPort }
  try {
    const { fd } = native().holdPort(protocolNumbers[protocol], addressBytes(address), port, internalMark)
    return { ...bound, fd }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPROTONOSUPPORT') return { ...bound, fd: -1 }
    throw error
  }
}

function inUse({ protocol, hostPort: [first, last] }: PortBinding, { address }: HostAddress, container: string) {
  const host = formatAddress(address)
  if (first === 0)
    return new ConflictError(
      `cannot publish a port of ${container}: all ports of the ephemeral range are taken: widen net.ipv4.ip_local_port_range, or name ports`,
      { code: 'PORT_IN_USE', details: { protocol, hostAddress: host } },
    )
  const ports = first === last ? `${first}` : `${first}-${last}`
  const why = first === last ? `Bind for ${host}:${first} failed: port is already allocated` : 'all ports are allocated'
  return new ConflictError(
    `driver failed programming external connectivity on endpoint ${container}: ${why}: stop what uses ${ports}/${protocol}, or publish another port`,
    {
      code: 'PORT_IN_USE',
      details: { protocol, hostAddress: host, hostPort: first, ...(last > first && { lastHostPort: last }) },
    },
  )
}

function refused(
  cause: NodeJS.ErrnoException,
  { protocol }: PortBinding,
  address: Address,
  port: number,
  container: string,
): Error {
  if (cause.code !== 'EADDRNOTAVAIL') return cause
  const where = `${formatAddress(address)}:${port}`
  return new InvalidOptionError(
    `driver failed programming external connectivity on endpoint ${container}: listen ${protocol} ${where}: bind: cannot assign requested address: publish on an address that the host has`,
    {
      code: 'INVALID_OPTION',
      cause,
      details: { option: 'publish', hostAddress: formatAddress(address), hostPort: port },
    },
  )
}
