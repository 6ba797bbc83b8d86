import { randomBytes } from 'node:crypto'
import { InvalidOptionError } from '../errors/index.js'
import { type Address, addressBytes, formatAddress, formatMac, macOf, parseAddress } from '../network/address.js'
import { allocateAddress, type NetworkSubnet, type TakenAddresses } from '../network/address-allocation.js'
import type { ActiveEndpoint, NetworkDefinition } from '../network/definition.js'
import { formatSubnet } from '../network/subnet.js'
import { ofFamily, subnetsOf } from '../network/subnets.js'
import { type EndpointRecord, type NetworkRecord, type NetworkStore, noSuchNetwork } from '../store/networks.js'

/** An endpoint of a run, and its network. */
export interface RunEndpoint {
  readonly record: EndpointRecord
  readonly network: NetworkRecord
  readonly active: ActiveEndpoint
}

/**
 * Gives every place that a container has on a network what it needs for a run: addresses, the hardware address, names of
 * interfaces. To be called in the transaction that starts the container: then no two have the same, and a start that is
 * not recorded has nothing.
 *
 * @throws {NotFoundError} NETWORK_NOT_FOUND when a network has gone; {ConflictError} ADDRESS_IN_USE, ADDRESSES_EXHAUSTED;
 *   {InvalidOptionError} for a requested address that is not the network's
 */
export function activateEndpoints(networks: NetworkStore, container: string, attempt: number): RunEndpoint[] {
  let interfaces = 0
  return networks.endpointsOf(container).map((record) => {
    const endpoint = activate(networks, record, attempt, { index: interfaces })
    if (endpoint.active.interface !== '') interfaces++
    return endpoint
  })
}

/**
 * The same for one more place of a container that runs.
 *
 * @param index of its interface: 1 is `eth1`
 */
export function activateEndpoint(
  networks: NetworkStore,
  record: EndpointRecord,
  attempt: number,
  index: number,
): RunEndpoint {
  return activate(networks, record, attempt, { index, isLive: true })
}

/** Which interface it is. */
interface InterfacePlace {
  readonly index: number
  readonly isLive?: true
}

function activate(networks: NetworkStore, record: EndpointRecord, attempt: number, at: InterfacePlace): RunEndpoint {
  const network = networkOf(networks, record, attempt)
  const place = network.id === record.network ? record : networks.move(record, network)
  const { ipv4, ipv6 } = allocate(networks, network, place)
  const active = activeEndpoint(network.definition, place, at, { ipv4, ipv6 })
  networks.activate(place, attempt, active, {
    ipv4: ipv4 && addressBytes(ipv4),
    ipv6: ipv6 && addressBytes(ipv6),
  })
  return { record: { ...place, attempt, active }, network, active }
}

/** Until its first run a container is on a network by name: one that was removed and made again will do. */
function networkOf(networks: NetworkStore, { network, networkName }: EndpointRecord, attempt: number): NetworkRecord {
  const found = networks.get(network) ?? (attempt === 1 ? networks.getByName(networkName) : undefined)
  if (found) return found
  throw noSuchNetwork(attempt === 1 ? networkName : network)
}

/** The number that the next interface of a running container has. */
export function nextInterface(endpoints: readonly EndpointRecord[]): number {
  const numbers = endpoints.map(({ active }) => Number(/^eth(\d+)$/.exec(active?.interface ?? '')?.[1] ?? -1))
  return Math.max(-1, ...numbers) + 1
}

interface Addresses {
  readonly ipv4?: Address | undefined
  readonly ipv6?: Address | undefined
}

function allocate(networks: NetworkStore, { id, name, definition }: NetworkRecord, record: EndpointRecord): Addresses {
  const all = subnetsOf(definition)
  const taken: TakenAddresses = {
    has: (address) => networks.hasAddress(id, addressBytes(address)),
    count: (first, last) => networks.countAddresses(id, addressBytes(first), addressBytes(last)),
  }
  const give = (family: 4 | 6, asked: string | undefined) => {
    const subnets = family === 4 || definition.ipv6 ? ofFamily(all, family) : []
    if (asked !== undefined) checkAsked(definition, subnets, asked)
    else if (subnets.length === 0) return
    const requested = asked === undefined ? undefined : parseAddress(asked)
    return allocateAddress({ subnets, taken, requested, network: `${name} (${id.slice(0, 12)})` }).address
  }
  const { ip, ip6 } = record.settings
  return { ipv4: give(4, ip), ipv6: give(6, ip6) }
}

/** Nobody knows what a picked subnet will be with the next picking. */
function checkAsked(definition: NetworkDefinition, subnets: readonly NetworkSubnet[], asked: string): void {
  const texts = new Set(subnets.map(({ subnet }) => formatSubnet(subnet)))
  if (definition.subnets.some(({ subnet, isPicked }) => texts.has(subnet) && !isPicked)) return
  throw new InvalidOptionError(
    `user specified IP address is supported only when connecting to networks with user configured subnets: ${asked}: create the network with a subnet`,
    { code: 'INVALID_OPTION', details: { value: asked } },
  )
}

function activeEndpoint(
  { driver }: NetworkDefinition,
  { settings }: EndpointRecord,
  { index, isLive }: InterfacePlace,
  { ipv4, ipv6 }: Addresses,
): ActiveEndpoint {
  const id = randomBytes(32).toString('hex')
  const isLinked = driver !== 'host' && driver !== 'null'
  return {
    id,
    ...(ipv4 && { ipv4: formatAddress(ipv4) }),
    ...(ipv6 && { ipv6: formatAddress(ipv6) }),
    // An ipvlan interface has its parent's hardware address.
    mac: isLinked && driver !== 'ipvlan' ? (settings.mac ?? formatMac(ipv4 ? macOf(ipv4) : randomMac())) : '',
    hostInterface: driver === 'bridge' ? `veth${id.slice(0, 11)}` : '',
    interface: isLinked ? `eth${index}` : '',
    ...(isLive && { isLive }),
  }
}

/** Locally administered, of one station. */
const randomMac = () => Buffer.from([0x02, 0x42, ...randomBytes(4)])
