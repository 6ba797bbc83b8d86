import { ConflictError, type ErrorCode, InvalidOptionError, NotFoundError } from '../errors/index.js'
import type { NetworkDefinition, NetworkDriver, SubnetDefinition } from './definition.js'
import { type DriverDefinition, driverDefinition } from './driver-options.js'
import { smallestIpv6Mtu } from './links.js'
import { type RequestedSubnet, requestedSubnets } from './subnet-options.js'

/** Options of a network that is to be made: `docker network create`'s, by their names. */
export interface CreateNetworkOptions {
  /** `'bridge'` (default), `'macvlan'` or `'ipvlan'`. */
  readonly driver?: string
  /** CIDR notation; one of a family with `bridge`. Default: the first of the engine's address pools that is free. */
  readonly subnet?: string | readonly string[]
  /** An address of one of the subnets. Default: the first of its range. */
  readonly gateway?: string | readonly string[]
  /** The part of a subnet that containers get addresses of. Default: all of it. */
  readonly ipRange?: string | readonly string[]
  /** Addresses of other things on the network, by name. */
  readonly auxAddress?: Readonly<Record<string, string>>
  /** Containers get an IPv6 address as well. */
  readonly ipv6?: boolean
  /** Nothing outside can be reached, and nothing is published. */
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly label?: Readonly<Record<string, string>>
  /** The driver's, by Docker's names: `{ 'com.docker.network.driver.mtu': '1400' }`, `{ parent: 'eth0' }`. */
  readonly option?: Readonly<Record<string, string>>
  /** `'default'`, or `'null'`: no addresses. */
  readonly ipamDriver?: string
  readonly ipamOption?: Readonly<Record<string, string>>
  /** It is removed with the process that makes it, however that ends. Default false. */
  readonly ephemeral?: boolean
}

/** What a network is to be, checked and with all defaults, but for subnets that are yet to be picked. */
export interface NetworkRequest extends DriverDefinition {
  readonly name: string
  readonly driver: NetworkDriver
  readonly internal: boolean
  readonly attachable: boolean
  readonly ipv6: boolean
  readonly subnets: readonly RequestedSubnet[]
  /** Families of which a subnet is to be picked. */
  readonly picked: readonly (4 | 6)[]
  readonly options: Readonly<Record<string, string>>
  readonly ipamDriver: string
  readonly ipamOptions: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

/** Checks all that can be checked without knowing other networks, and fills in the defaults. @throws {InvalidOptionError} */
export function normalizeNetwork(name: string, given: CreateNetworkOptions): NetworkRequest {
  checkName(name)
  const driver = driverOf(given.driver ?? 'bridge')
  const ipamDriver = given.ipamDriver || 'default'
  const options = strings('option', given.option ?? {})
  const ipv6 = given.ipv6 ?? false
  const subnets = requestedSubnets({
    subnets: texts('subnet', given.subnet),
    gateways: texts('gateway', given.gateway),
    ranges: texts('ipRange', given.ipRange),
    auxAddresses: strings('auxAddress', given.auxAddress ?? {}),
  })
  if (driver === 'bridge') checkOneOfFamily(subnets)
  const defined = driverDefinition(driver, options)
  if (ipv6) checkIpv6Mtu(defined.mtu)
  return {
    ...defined,
    name,
    driver,
    internal: given.internal ?? false,
    attachable: given.attachable ?? false,
    ipv6,
    subnets,
    picked: pickedFamilies(ipamDriver, subnets, ipv6),
    options,
    ipamDriver,
    ipamOptions: strings('ipamOption', given.ipamOption ?? {}),
    labels: strings('label', given.label ?? {}),
  }
}

/** What a network is, once its id and subnets are known. */
export function defineNetwork(
  request: NetworkRequest,
  id: string,
  subnets: readonly SubnetDefinition[],
): NetworkDefinition {
  const { name: _, picked: __, dummyPrefix, ...definition } = request
  const own = definition.interface || `${dummyPrefix}${id.slice(0, 12)}`
  // Without a parent there is nowhere to go.
  const internal = definition.internal || (request.driver !== 'bridge' && definition.interface === '')
  return { ...definition, subnets, interface: own, internal }
}

/** Names go into files of lines and words, and into host names. Docker's names of containers are as strict. */
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/

function checkName(name: string): void {
  if (['bridge', 'host', 'none', 'default'].includes(name))
    throw new ConflictError(`operation is not permitted on predefined ${name} network: choose another name`, {
      code: 'NETWORK_PREDEFINED',
      details: { network: name },
    })
  if (typeof name !== 'string' || !namePattern.test(name))
    throw invalid(
      `Invalid network name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, and at most 255 characters`,
      name,
      'INVALID_NAME',
    )
}

const drivers: readonly string[] = ['bridge', 'macvlan', 'ipvlan']

function driverOf(driver: string): NetworkDriver {
  if (drivers.includes(driver)) return driver as NetworkDriver
  if (driver === 'host' || driver === 'null')
    throw new ConflictError(`only one instance of "${driver}" network is allowed`, {
      code: 'NETWORK_PREDEFINED',
      details: { driver },
    })
  throw noPlugin(driver)
}

function pickedFamilies(ipamDriver: string, subnets: readonly RequestedSubnet[], ipv6: boolean): (4 | 6)[] {
  if (ipamDriver !== 'default' && ipamDriver !== 'null') throw noPlugin(ipamDriver)
  if (ipamDriver === 'null' && subnets.length > 0)
    throw invalid('null ipam driver does not handle specific address pool requests: give no subnet', 'null')
  if (ipamDriver === 'null') return []
  const lacks = (family: 4 | 6) => !subnets.some(({ subnet }) => subnet.family === family)
  return [...(lacks(4) ? [4 as const] : []), ...(ipv6 && lacks(6) ? [6 as const] : [])]
}

function checkOneOfFamily(subnets: readonly RequestedSubnet[]): void {
  const families = subnets.map(({ subnet }) => subnet.family)
  if (new Set(families).size < families.length)
    throw invalid("bridge driver doesn't support multiple subnets: give one of each family", 'bridge')
}

function checkIpv6Mtu(mtu: number | undefined): void {
  if (mtu !== undefined && mtu < smallestIpv6Mtu)
    throw invalid(`invalid MTU number: ${mtu}: IPv6 needs ${smallestIpv6Mtu} bytes`, String(mtu))
}

function texts(option: string, given: string | readonly string[] | undefined): readonly string[] {
  const list = given === undefined ? [] : [given].flat()
  if (list.every((text) => typeof text === 'string')) return list
  throw invalid(`invalid option "${option}": give strings`, String(given))
}

function strings(option: string, given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isPlain = typeof given === 'object' && given !== null && !Array.isArray(given)
  if (isPlain && Object.values(given).every((value) => typeof value === 'string')) return { ...given }
  throw invalid(`invalid option "${option}": give an object with strings`, String(given))
}

function noPlugin(driver: string): NotFoundError {
  return new NotFoundError(`plugin "${driver}" not found: inboard has the drivers ${drivers.join(', ')}`, {
    code: 'NETWORK_DRIVER_NOT_FOUND',
    details: { driver },
  })
}

function invalid(message: string, value: string, code: ErrorCode = 'INVALID_OPTION'): InvalidOptionError {
  return new InvalidOptionError(message, { code, details: { value } })
}
