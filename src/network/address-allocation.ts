import { ConflictError, InvalidOptionError } from '../errors/index.js'
import { type Address, formatAddress } from './address.js'
import { containsAddress, containsSubnet, firstAddress, formatSubnet, lastAddress, type Subnet } from './subnet.js'

/** One of a network's address ranges, as its record has it. */
export interface NetworkSubnet {
  readonly subnet: Subnet
  /** What containers get their addresses from; all of `subnet` when absent. A requested address may lie outside. */
  readonly range?: Subnet
  readonly gateway: Address
  /** Addresses of other things on the network, by name; no container gets them. */
  readonly auxAddresses?: Readonly<Record<string, Address>>
}

/** What a subnet is made from: what a user gave of it. */
export interface SubnetRequest {
  readonly subnet: Subnet
  readonly range?: Subnet | undefined
  readonly gateway?: Address | undefined
  readonly auxAddresses?: Readonly<Record<string, Address>> | undefined
}

/**
 * Completes and checks what a user gave of a subnet. The gateway is the first usable address of the range, as Docker
 * chooses it.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for a range, gateway or auxiliary address that lies outside
 * @throws {ConflictError} ADDRESS_IN_USE for two that are the same; ADDRESSES_EXHAUSTED without room for a gateway
 */
export function planSubnet({ subnet, range, gateway, auxAddresses = {} }: SubnetRequest): NetworkSubnet {
  if (range && !containsSubnet(subnet, range)) throw noMatch('range', formatSubnet(range), subnet)
  const taken = new Set<bigint>()
  for (const address of Object.values(auxAddresses)) claim('aux-address', address, subnet, taken)
  if (gateway) claim('gateway', gateway, subnet, taken)
  const chosen = gateway ?? firstUsable(subnet, range ?? subnet, taken)
  if (!chosen) throw exhausted(subnet.family, formatSubnet(subnet))
  return { subnet, ...(range && { range }), gateway: chosen, auxAddresses }
}

function claim(what: string, address: Address, subnet: Subnet, taken: Set<bigint>): void {
  if (!containsAddress(subnet, address)) throw noMatch(what, formatAddress(address), subnet)
  if (taken.has(address.value)) throw inUse(address)
  taken.add(address.value)
}

/** What an endpoint asks of a network's subnets of one family. */
export interface AddressRequest {
  /** In the order of the network's options; the first with a free address gives it. */
  readonly subnets: readonly NetworkSubnet[]
  /** What endpoints of this network have of that family. */
  readonly taken: Iterable<Address>
  /** `--ip` or `--ip6`. */
  readonly requested?: Address | undefined
  /** How messages name the network: `web (0123456789ab)`. */
  readonly network: string
}

/** An address, and the subnet it is of. */
export interface Allocation {
  readonly address: Address
  readonly subnet: NetworkSubnet
}

/**
 * The address an endpoint gets: the one it asks for, or the lowest free one, as with Docker. Nothing is recorded: who
 * calls holds the store's write lock from reading `taken` until the address is written.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for a requested address outside of all subnets
 * @throws {ConflictError} ADDRESS_IN_USE, or ADDRESSES_EXHAUSTED
 */
export function allocateAddress({ subnets, taken, requested, network }: AddressRequest): Allocation {
  const values = new Set<bigint>()
  for (const { value } of taken) values.add(value)
  if (requested) return requestedAddress(subnets, values, requested)
  for (const subnet of subnets) {
    const address = firstUsable(subnet.subnet, subnet.range ?? subnet.subnet, withOwn(values, subnet))
    if (address) return { address, subnet }
  }
  throw exhausted(subnets[0]?.subnet.family ?? 4, network)
}

function requestedAddress(subnets: readonly NetworkSubnet[], taken: Set<bigint>, address: Address): Allocation {
  const subnet = subnets.find((candidate) => containsAddress(candidate.subnet, address))
  if (!subnet) {
    throw new InvalidOptionError(
      `Invalid address ${formatAddress(address)}: It does not belong to any of this network's subnets: ` +
        `give one of ${subnets.map((candidate) => formatSubnet(candidate.subnet)).join(', ') || 'another family'}`,
      { code: 'INVALID_OPTION', details: { value: formatAddress(address) } },
    )
  }
  if (isReserved(subnet.subnet, address.value) || withOwn(taken, subnet).has(address.value)) throw inUse(address)
  return { address, subnet }
}

/** Adds what the network itself has of the subnet; subnets do not overlap, so that it is taken for all of them. */
function withOwn(taken: Set<bigint>, { gateway, auxAddresses = {} }: NetworkSubnet): Set<bigint> {
  for (const { value } of [gateway, ...Object.values(auxAddresses)]) taken.add(value)
  return taken
}

function firstUsable(subnet: Subnet, range: Subnet, taken: Set<bigint>): Address | undefined {
  const { value: last } = lastAddress(range)
  for (let value = range.base; value <= last; value++) {
    if (!taken.has(value) && !isReserved(subnet, value)) return { family: range.family, value }
  }
  return
}

/** The first address of a subnet is the network's own; the last of an IPv4 one is for broadcasts. RFC 3021: /31 has neither. */
function isReserved(subnet: Subnet, value: bigint): boolean {
  if (subnet.family === 6) return subnet.prefix < 127 && value === subnet.base
  return subnet.prefix < 31 && (value === firstAddress(subnet).value || value === lastAddress(subnet).value)
}

function noMatch(what: string, value: string, subnet: Subnet): InvalidOptionError {
  return new InvalidOptionError(`no matching subnet for ${what} ${value}: it is not within ${formatSubnet(subnet)}`, {
    code: 'INVALID_OPTION',
    details: { value, subnet: formatSubnet(subnet) },
  })
}

function inUse(address: Address): ConflictError {
  return new ConflictError(`Address already in use: ${formatAddress(address)}`, {
    code: 'ADDRESS_IN_USE',
    details: { address: formatAddress(address) },
  })
}

function exhausted(family: number, network: string): ConflictError {
  return new ConflictError(`no available IPv${family} addresses on this network's address pools: ${network}`, {
    code: 'ADDRESSES_EXHAUSTED',
    details: { network, family },
  })
}
