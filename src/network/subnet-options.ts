import { InvalidOptionError } from '../errors/index.js'
import { type Address, addressOf } from './address.js'
import { planSubnet, type SubnetRequest } from './address-allocation.js'
import { containsAddress, containsSubnet, formatSubnet, overlaps, parseSubnet, type Subnet } from './subnet.js'

/** What `docker network create` gives of subnets: several lists that belong together by what lies in what. */
export interface SubnetTexts {
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  readonly ranges: readonly string[]
  readonly auxAddresses: Readonly<Record<string, string>>
}

/** A subnet with what was given of it, by which it can be completed. */
export interface RequestedSubnet extends SubnetRequest {
  readonly auxAddresses: Readonly<Record<string, Address>>
}

interface Draft {
  readonly text: string
  readonly subnet: Subnet
  range?: Subnet
  gateway?: Address
  readonly auxAddresses: Record<string, Address>
}

/**
 * Puts ranges, gateways and auxiliary addresses to the subnets that they are of; IPv4 ones come first.
 *
 * @throws {InvalidOptionError} INVALID_OPTION, in the words of Docker's client; {ConflictError} ADDRESS_IN_USE
 */
export function requestedSubnets({ subnets, gateways, ranges, auxAddresses }: SubnetTexts): RequestedSubnet[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw invalid('every ip-range or gateway must have a corresponding subnet', [...ranges, ...gateways].join(', '))
  const drafts = draftsOf(subnets)
  for (const range of ranges) placeRange(drafts, range)
  for (const gateway of gateways) placeGateway(drafts, gateway)
  for (const [name, address] of Object.entries(auxAddresses)) placeAuxAddress(drafts, name, address)
  const requests = drafts.map(({ text: _, ...request }) => request)
  for (const request of requests) planSubnet(request)
  return requests.sort((one, other) => one.subnet.family - other.subnet.family)
}

function draftsOf(subnets: readonly string[]): Draft[] {
  const drafts: Draft[] = []
  for (const text of subnets) {
    const subnet = readSubnet(text)
    if (drafts.some((draft) => overlaps(draft.subnet, subnet)))
      throw invalid(`multiple overlapping subnet configuration is not supported: ${subnets.join(', ')}`, text)
    drafts.push({ text, subnet, auxAddresses: {} })
  }
  return drafts
}

/**
 * Addresses that no host has, or every host for itself. With one of these on a bridge of its own, the host would look for
 * itself, or for everybody else, on the bridge.
 */
const special = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '::/127', '::ffff:0.0.0.0/96', 'fe80::/10', 'ff00::/8'].map(
  parseSubnet,
)

function readSubnet(text: string): Subnet {
  const subnet = parsed(text)
  const other = special.find((one) => overlaps(one, subnet))
  if (other === undefined) return subnet
  throw invalid(
    `Invalid subnet ${text} : it has addresses of ${formatSubnet(other)}, which are not for networks: give one such as '10.5.0.0/16'`,
    text,
  )
}

function parsed(text: string): Subnet {
  try {
    return parseSubnet(text)
  } catch (cause) {
    throw invalid(`Invalid subnet ${text} : ${(cause as Error).message}`, text, cause)
  }
}

function placeRange(drafts: readonly Draft[], text: string): void {
  const range = readRange(text)
  const draft = drafts.find(({ subnet }) => range && containsSubnet(subnet, range))
  if (!draft || !range) throw noMatch('range', text)
  if (draft.range)
    throw invalid(`cannot configure multiple ranges (${text}) on the same subnet (${draft.text}): give one`, text)
  draft.range = range
}

function readRange(text: string): Subnet | undefined {
  try {
    return parseSubnet(text)
  } catch {
    return undefined
  }
}

function placeGateway(drafts: readonly Draft[], text: string): void {
  const { draft, address } = placed(drafts, 'gateway', text)
  if (draft.gateway)
    throw invalid(`cannot configure multiple gateways (${text}) for the same subnet (${draft.text}): give one`, text)
  draft.gateway = address
}

function placeAuxAddress(drafts: readonly Draft[], name: string, text: string): void {
  const { draft, address } = placed(drafts, 'aux-address', text)
  draft.auxAddresses[name] = address
}

function placed(drafts: readonly Draft[], what: string, text: string): { draft: Draft; address: Address } {
  const address = addressOf(text)
  const draft = drafts.find(({ subnet }) => address && containsAddress(subnet, address))
  if (draft && address) return { draft, address }
  throw noMatch(what, text)
}

function noMatch(what: string, text: string): InvalidOptionError {
  return invalid(`no matching subnet for ${what} ${text}: give one that lies in a subnet`, text)
}

function invalid(message: string, value: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', cause, details: { value } })
}
