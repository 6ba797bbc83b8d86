import { InvalidOptionError } from '../errors/index.js'
import { type Address, addressBits, addressOf, type Family, formatAddress } from './address.js'

/** A block of addresses: all that share the first `prefix` bits with `base`, whose other bits are zero. */
export interface Subnet {
  readonly family: Family
  readonly base: bigint
  readonly prefix: number
}

/**
 * Reads CIDR notation. Bits behind the prefix are refused, as Docker 28 refuses them for a network's subnet (20.10 drops them).
 *
 * @throws {InvalidOptionError} INVALID_OPTION, in Docker's words
 * @example formatSubnet(parseSubnet('10.5.0.0/16')) // '10.5.0.0/16'
 */
export function parseSubnet(text: string): Subnet {
  const { address, prefix } = parsePrefixed(text)
  const subnet = subnetOf(address, prefix)
  if (subnet.base === address.value) return subnet
  throw invalid(`invalid subnet ${text}: it should be ${formatSubnet(subnet)}`, text)
}

/** Reads an address with its prefix length, as an interface has it: `172.17.0.2/16`. */
export function parsePrefixed(text: string): { address: Address; prefix: number } {
  const [, host = '', length = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? []
  const address = addressOf(host)
  const prefix = Number(length)
  if (address && prefix <= addressBits(address.family)) return { address, prefix }
  throw invalid(`invalid CIDR address: ${text}: give one such as '172.20.0.0/16' or 'fd00:1::/64'`, text)
}

function invalid(message: string, value: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', details: { value } })
}

/** The block of this prefix length that holds the address. */
export function subnetOf({ family, value }: Address, prefix: number): Subnet {
  const hostBits = BigInt(addressBits(family) - prefix)
  return { family, base: (value >> hostBits) << hostBits, prefix }
}

export function formatSubnet({ family, base, prefix }: Subnet): string {
  return `${formatAddress({ family, value: base })}/${prefix}`
}

/** How many addresses the block has. */
export function subnetSize({ family, prefix }: Subnet): bigint {
  return 1n << BigInt(addressBits(family) - prefix)
}

/** The first address: the network's own in IPv4, the subnet-router anycast address in IPv6. */
export function firstAddress({ family, base }: Subnet): Address {
  return { family, value: base }
}

/** The last address: the broadcast address in IPv4. */
export function lastAddress(subnet: Subnet): Address {
  return { family: subnet.family, value: subnet.base + subnetSize(subnet) - 1n }
}

/** The address that an interface broadcasts to; undefined where there is none: IPv6, and IPv4 with fewer than four addresses. */
export function broadcastAddress(subnet: Subnet): Address | undefined {
  return subnet.family === 4 && subnet.prefix <= 30 ? lastAddress(subnet) : undefined
}

export function containsAddress(subnet: Subnet, { family, value }: Address): boolean {
  return family === subnet.family && value >= subnet.base && value < subnet.base + subnetSize(subnet)
}

/** Whether every address of `inner` is one of `outer`. */
export function containsSubnet(outer: Subnet, inner: Subnet): boolean {
  return inner.prefix >= outer.prefix && containsAddress(outer, firstAddress(inner))
}

/** Whether the two have an address in common: then one holds the other. */
export function overlaps(one: Subnet, other: Subnet): boolean {
  return containsSubnet(one, other) || containsSubnet(other, one)
}

/** The blocks of a longer prefix that make up this one, in order. */
export function* splitSubnet(subnet: Subnet, prefix: number): Generator<Subnet> {
  const step = 1n << BigInt(addressBits(subnet.family) - prefix)
  const end = subnet.base + subnetSize(subnet)
  for (let base = subnet.base; base < end; base += step) yield { family: subnet.family, base, prefix }
}

/** The addresses of the block, in order. */
export function* addressesIn(subnet: Subnet): Generator<Address> {
  const end = subnet.base + subnetSize(subnet)
  for (let value = subnet.base; value < end; value++) yield { family: subnet.family, value }
}
