import { ConflictError, InvalidOptionError } from '../errors/index.js'
import { addressBits, type Family } from './address.js'
import { formatSubnet, overlaps, parseSubnet, type Subnet, splitSubnet } from './subnet.js'

/** Where networks without a subnet of their own take theirs: `base`, cut into blocks of the prefix length `size`. */
export interface AddressPool {
  readonly base: Subnet
  readonly size: number
}

/** An address pool as the option `defaultAddressPools` gives it, with Docker's field names. */
export interface AddressPoolOption {
  /** CIDR notation: `'10.10.0.0/16'`. */
  readonly base: string
  /** The prefix length of each network: `24`. */
  readonly size: number
}

/** Docker's pools, in its order: 172.17 to 172.31 by /16, then 192.168 by /20. */
export const dockerAddressPools: readonly AddressPool[] = normalizeAddressPools([
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/16', size: 16 },
  { base: '172.19.0.0/16', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
])

/** The pools of a root whose engine names none: Docker's, and for IPv6 addresses unique to the root. @see RFC 4193 */
export function rootAddressPools(rootId: string): readonly AddressPool[] {
  const [high, middle, low] = [rootId.slice(0, 2), rootId.slice(2, 6), rootId.slice(6, 8)]
  return [...dockerAddressPools, ...normalizeAddressPools([{ base: `fd${high}:${middle}:${low}00::/48`, size: 64 }])]
}

/**
 * Checks the option `defaultAddressPools`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for a base that is no subnet, a size that does not fit, or pools that overlap
 */
export function normalizeAddressPools(options: readonly AddressPoolOption[]): AddressPool[] {
  const pools = options.map(({ base, size }) => checkedSize({ base: parseSubnet(base), size }))
  pools.forEach((pool, at) => {
    const other = pools.slice(0, at).find(({ base }) => overlaps(base, pool.base))
    if (other) throw invalidPool(pool, `it overlaps ${formatSubnet(other.base)}`)
  })
  return pools
}

function checkedSize(pool: AddressPool): AddressPool {
  const { base, size } = pool
  if (Number.isInteger(size) && size >= base.prefix && size <= addressBits(base.family)) return pool
  throw invalidPool(
    pool,
    `invalid pool size ${size}: give a prefix length from ${base.prefix} to ${addressBits(base.family)}`,
  )
}

function invalidPool({ base, size }: AddressPool, why: string): InvalidOptionError {
  return new InvalidOptionError(`invalid default address pool ${formatSubnet(base)}: ${why}`, {
    code: 'INVALID_OPTION',
    details: { option: 'defaultAddressPools', value: { base: formatSubnet(base), size } },
  })
}

/**
 * The first block of the pools that has no address in common with anything in use: other networks, of this root or any
 * other, and the host's routes and addresses.
 *
 * @throws {ConflictError} ADDRESSES_EXHAUSTED, in Docker's words
 */
export function pickSubnet(pools: readonly AddressPool[], family: Family, used: readonly Subnet[]): Subnet {
  for (const { base, size } of pools) {
    if (base.family !== family) continue
    // What overlaps the whole pool is all that can overlap a block of it.
    const near = used.filter((subnet) => overlaps(subnet, base))
    const free = firstFree(base, size, near)
    if (free) return free
  }
  throw new ConflictError(
    `could not find an available, non-overlapping IPv${family} address pool among the defaults to assign to the network: ` +
      'all predefined address pools have been fully subnetted; remove a network, give a subnet, or set defaultAddressPools',
    { code: 'ADDRESSES_EXHAUSTED', details: { family } },
  )
}

/** By halves, so that a pool of 2^64 blocks of which the first half is used is searched as fast as a small one. */
function firstFree(base: Subnet, size: number, used: readonly Subnet[]): Subnet | undefined {
  if (used.length === 0) return { ...base, prefix: size }
  if (base.prefix === size || used.some((subnet) => subnet.prefix <= base.prefix)) return
  for (const half of splitSubnet(base, base.prefix + 1)) {
    const free = firstFree(
      half,
      size,
      used.filter((subnet) => overlaps(subnet, half)),
    )
    if (free) return free
  }
  return
}

/**
 * Refuses a subnet that a user has asked for when another network has it, or part of it.
 *
 * @throws {ConflictError} SUBNET_OVERLAPS, in Docker's words
 */
export function checkSubnetFree(subnet: Subnet, networks: readonly Subnet[]): void {
  const other = networks.find((network) => overlaps(network, subnet))
  if (!other) return
  throw new ConflictError(
    `Pool overlaps with other one on this address space: ${formatSubnet(subnet)} overlaps ${formatSubnet(other)}`,
    { code: 'SUBNET_OVERLAPS', details: { subnet: formatSubnet(subnet), other: formatSubnet(other) } },
  )
}
