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
  const taken = new Set(reserved(subnet))
  if (gateway) claim('gateway', '', gateway, subnet, taken)
  for (const [name, address] of Object.entries(auxAddresses)) claim('aux-address', `${name}:`, address, subnet, taken)
  const chosen = gateway ?? firstUsable(subnet, range ?? subnet, taken)
  if (!chosen) throw exhausted(subnet.family, formatSubnet(subnet))
  return { subnet, ...(range && { range }), gateway: chosen, auxAddresses }
}

function claim(what: keyof typeof claims, name: string, address: Address, subnet: Subnet, taken: Set<bigint>): void {
  if (!containsAddress(subnet, address)) throw noMatch(what, formatAddress(address), subnet)
  if (taken.has(address.value))
    throw inUse(address, `failed to allocate ${claims[what]} (${name}${formatAddress(address)}): `)
  taken.add(address.value)
}

const claims = { gateway: 'gateway', 'aux-address': 'secondary ip address' } as const

/** The addresses that a network's endpoints have: questions, since there may be many. */
export interface TakenAddresses {
  has(address: Address): boolean
  /** How many of those from `first` to `last`, both included. */
  count(first: Address, last: Address): number
}

const nothingTaken: TakenAddresses = { has: () => false, count: () => 0 }

/** What an endpoint asks of a network's subnets of one family. */
export interface AddressRequest {
  /** In the order of the network's options; the first with a free address gives it. */
  readonly subnets: readonly NetworkSubnet[]
  /** What endpoints of this network have. */
  readonly taken: TakenAddresses
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
  if (requested) return requestedAddress(subnets, taken, requested)
  for (const subnet of subnets) {
    const address = firstUsable(subnet.subnet, subnet.range ?? subnet.subnet, ownAddresses(subnet), taken)
    if (address) return { address, subnet }
  }
  throw exhausted(subnets[0]?.subnet.family ?? 4, network)
}

function requestedAddress(subnets: readonly NetworkSubnet[], taken: TakenAddresses, address: Address): Allocation {
  const subnet = subnets.find((candidate) => containsAddress(candidate.subnet, address))
  if (!subnet) {
    throw new InvalidOptionError(
      `Invalid address ${formatAddress(address)}: It does not belong to any of this network's subnets: ` +
        `give one of ${subnets.map((candidate) => formatSubnet(candidate.subnet)).join(', ') || 'another family'}`,
      { code: 'INVALID_OPTION', details: { value: formatAddress(address) } },
    )
  }
  const isOwn = ownAddresses(subnet).has(address.value) || reserved(subnet.subnet).includes(address.value)
  if (isOwn || taken.has(address)) throw inUse(address)
  return { address, subnet }
}

/** What the network itself has of the subnet. */
function ownAddresses({ gateway, auxAddresses = {} }: NetworkSubnet): Set<bigint> {
  return new Set([gateway, ...Object.values(auxAddresses)].map(({ value }) => value))
}

/**
 * By halves: an address is the lowest free one when as many as there are lie before it, and it is not taken. So it takes
 * a few counts, however many there are.
 */
function firstUsable(
  subnet: Subnet,
  range: Subnet,
  own: ReadonlySet<bigint>,
  taken = nothingTaken,
): Address | undefined {
  const { family } = range
  const unusable = [...new Set([...own, ...reserved(subnet)])]
  const usedFrom = (first: bigint, last: bigint) =>
    BigInt(unusable.filter((value) => value >= first && value <= last).length) +
    BigInt(taken.count({ family, value: first }, { family, value: last }))
  const end = lastAddress(range).value
  let low = range.base
  const used = usedFrom(low, end)
  if (used > end - low) return
  let high = low + used
  while (low < high) {
    const middle = (low + high) >> 1n
    if (usedFrom(low, middle) === middle - low + 1n) low = middle + 1n
    else high = middle
  }
  return { family, value: low }
}

/** The first address of a subnet is the network's own; the last of an IPv4 one is for broadcasts. RFC 3021: /31 has neither. */
function reserved(subnet: Subnet): bigint[] {
  const first = firstAddress(subnet).value
  if (subnet.family === 6) return subnet.prefix < 127 ? [first] : []
  return subnet.prefix < 31 ? [first, lastAddress(subnet).value] : []
}

function noMatch(what: string, value: string, subnet: Subnet): InvalidOptionError {
  return new InvalidOptionError(`no matching subnet for ${what} ${value}: it is not within ${formatSubnet(subnet)}`, {
    code: 'INVALID_OPTION',
    details: { value, subnet: formatSubnet(subnet) },
  })
}

function inUse(address: Address, what = ''): ConflictError {
  return new ConflictError(`${what}Address already in use: ${formatAddress(address)}`, {
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
