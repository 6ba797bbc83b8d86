import { type Address, addressFromBytes, type Family } from './address.js'
import { type Answer, type Attributes, readAttributes, readText } from './answers.js'
import { attribute, dumpRequest, type Message, request, text, u32 } from './messages.js'
import { addressFamily, everywhere } from './routes.js'
import { type Subnet, subnetOf } from './subnet.js'

/** What a namespace has of interfaces, addresses and routes, as rtnetlink dumps it. @see rtnetlink(7) */
const RTM_NEWLINK = 16
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_GETADDR = 22
const RTM_NEWROUTE = 24
const RTM_GETROUTE = 26
const IFF_UP = 1
const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_MASTER = 10
const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_STATS64 = 23
const IFLA_EXT_MASK = 29
const RTEXT_FILTER_SKIP_STATS = 8
const IFLA_GROUP = 27
const IFLA_INFO_KIND = 1
const IFLA_INFO_SLAVE_DATA = 5
const IFLA_BRPORT_STATE = 1
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_PROTO = 11
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_TABLE = 15
const RT_TABLE_MAIN = 254
const RTN_UNICAST = 1

/** A network interface. */
export interface Link {
  readonly index: number
  readonly name: string
  readonly up: boolean
  /** `bridge`, `veth`, ...; undefined for hardware and the loopback interface. */
  readonly kind?: string
  /** The index of the bridge it is a port of. */
  readonly master?: number
  readonly mac: Uint8Array
  readonly mtu: number
  readonly group: number
  readonly alias?: string
  /** Of a bridge port: BR_STATE_DISABLED, ... */
  readonly portState?: number
  /** Those that have come and those that have gone; undefined where it was not asked. */
  readonly packets?: bigint
}

/** An address of an interface. */
export interface LinkAddress {
  readonly link: number
  readonly address: Address
  readonly prefix: number
  /** Who added it, if it told: see `addAddress`. */
  readonly origin: number
}

/** A route to hosts elsewhere, of any table. */
export interface Route {
  readonly destination: Subnet
  readonly gateway?: Address
  readonly link?: number
  /** 254: the main one. */
  readonly table: number
}

export function dumpLinks(): Message {
  return dumpRequest(RTM_GETLINK, Buffer.alloc(16))
}

/** Asks for one interface by its name: ENODEV when there is none. */
export function queryLink(name: string): Message {
  const parts = [attribute(IFLA_IFNAME, text(name)), attribute(IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS))]
  return request(RTM_GETLINK, 0, Buffer.alloc(16), ...parts)
}

/** The same, with the packets that it has counted. */
export function queryPackets(name: string): Message {
  return request(RTM_GETLINK, 0, Buffer.alloc(16), attribute(IFLA_IFNAME, text(name)))
}

export function dumpAddresses(): Message {
  return dumpRequest(RTM_GETADDR, Buffer.alloc(8))
}

export function dumpRoutes(family: Family): Message {
  return dumpRequest(RTM_GETROUTE, Buffer.from([addressFamily(family), ...new Array<number>(11).fill(0)]))
}

export function readLinks(answers: readonly Answer[]): Link[] {
  return answers.filter(({ type }) => type === RTM_NEWLINK).map(readLink)
}

function readLink({ body }: Answer): Link {
  const attributes = readAttributes(body, 16)
  const info = attributes.get(IFLA_LINKINFO)
  const kind = info && readAttributes(info).get(IFLA_INFO_KIND)
  const port = info && readAttributes(info).get(IFLA_INFO_SLAVE_DATA)
  const portState = port && readAttributes(port).get(IFLA_BRPORT_STATE)?.readUInt8(0)
  const master = numberOf(attributes, IFLA_MASTER)
  const alias = attributes.get(IFLA_IFALIAS)
  const statistics = attributes.get(IFLA_STATS64)
  return {
    index: body.readInt32LE(4),
    name: readText(attributes.get(IFLA_IFNAME) ?? Buffer.alloc(0)),
    up: (body.readUInt32LE(8) & IFF_UP) !== 0,
    ...(kind && { kind: readText(kind) }),
    ...(master !== undefined && { master }),
    mac: attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(6),
    mtu: numberOf(attributes, IFLA_MTU) ?? 0,
    group: numberOf(attributes, IFLA_GROUP) ?? 0,
    ...(alias && { alias: readText(alias) }),
    ...(portState !== undefined && { portState }),
    ...(statistics && { packets: packetsOf(statistics) }),
  }
}

/** The first two numbers of a struct rtnl_link_stats64. */
function packetsOf(statistics: Buffer): bigint {
  return statistics.readBigUInt64LE(0) + statistics.readBigUInt64LE(8)
}

export function readAddresses(answers: readonly Answer[]): LinkAddress[] {
  return answers.filter(({ type }) => type === RTM_NEWADDR).flatMap(readAddress)
}

function readAddress({ body }: Answer): LinkAddress[] {
  const attributes = readAttributes(body, 8)
  // IFA_ADDRESS is the other end's on a point-to-point link, ours is then in IFA_LOCAL; IPv6 has no IFA_LOCAL.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
  if (!bytes) return []
  const origin = attributes.get(IFA_PROTO)?.readUInt8(0) ?? 0
  return [{ link: body.readUInt32LE(4), address: addressFromBytes(bytes), prefix: body.readUInt8(1), origin }]
}

export function readRoutes(answers: readonly Answer[]): Route[] {
  return answers.filter(({ type, body }) => type === RTM_NEWROUTE && body[7] === RTN_UNICAST).map(readRoute)
}

function readRoute({ body }: Answer): Route {
  const attributes = readAttributes(body, 12)
  const base = attributes.get(RTA_DST)
  const gateway = attributes.get(RTA_GATEWAY)
  const link = numberOf(attributes, RTA_OIF)
  return {
    destination: base
      ? subnetOf(addressFromBytes(base), body.readUInt8(1))
      : everywhere(body[0] === addressFamily(4) ? 4 : 6),
    ...(gateway && { gateway: addressFromBytes(gateway) }),
    ...(link !== undefined && { link }),
    table: numberOf(attributes, RTA_TABLE) ?? body.readUInt8(4),
  }
}

function numberOf(attributes: Attributes, type: number): number | undefined {
  return attributes.get(type)?.readUInt32LE(0)
}

/** What no new network may overlap: the subnets of the host's addresses, and where its main routes go, but for the default one. */
export function occupiedSubnets(addresses: readonly LinkAddress[], routes: readonly Route[]): Subnet[] {
  return [
    ...addresses.map(({ address, prefix }) => subnetOf(address, prefix)),
    ...routes
      .filter(({ table, destination }) => table === RT_TABLE_MAIN && destination.prefix > 0)
      .map(({ destination }) => destination),
  ]
}
