import { type Address, addressBytes, type Family } from './address.js'
import { attribute, type Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, request, u8, u32 } from './messages.js'
import { broadcastAddress, firstAddress, type Subnet, subnetOf } from './subnet.js'

/** Addresses and routes by rtnetlink. Numbers of <linux/rtnetlink.h> and <linux/if_addr.h>. @see rtnetlink(7) */
const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_PROTO = 11
const IFA_F_NODAD = 2
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTN_UNICAST = 1

/** The number that the kernel has for a family: AF_INET or AF_INET6. */
export function addressFamily(family: Family): number {
  return family === 4 ? 2 : 10
}

/**
 * Gives an interface an address; with it comes the route to its subnet. IPv6 is usable at once: nobody else hands out addresses.
 *
 * @param origin a number from 0 to 255 by which who added it knows it again, from Linux 5.18 on
 */
export function addAddress(index: number, address: Address, prefix: number, origin = 0): Message {
  const broadcast = broadcastAddress(subnetOf(address, prefix))
  return request(
    RTM_NEWADDR,
    NLM_F_CREATE | NLM_F_EXCL,
    ...addressParts(index, address, prefix, address.family === 6 ? IFA_F_NODAD : 0),
    ...(broadcast ? [attribute(IFA_BROADCAST, addressBytes(broadcast))] : []),
    ...(origin > 0 ? [attribute(IFA_PROTO, u8(origin))] : []),
  )
}

/** Takes an address, and the routes that came with it, from an interface. */
export function removeAddress(index: number, address: Address, prefix: number): Message {
  return request(RTM_DELADDR, 0, ...addressParts(index, address, prefix, 0))
}

/** A struct ifaddrmsg and the address. */
function addressParts(index: number, address: Address, prefix: number, flags: number): Uint8Array[] {
  const bytes = addressBytes(address)
  const header = Buffer.from([addressFamily(address.family), prefix, flags, RT_SCOPE_UNIVERSE, ...u32(index)])
  return [header, attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)]
}

/** A route of the main table: to a subnet by a gateway, an interface, or both. */
export interface RouteOptions {
  readonly destination: Subnet
  readonly gateway?: Address | undefined
  readonly interface?: number | undefined
}

/** All of a family's addresses: the destination of a default route. */
export function everywhere(family: Family): Subnet {
  return { family, base: 0n, prefix: 0 }
}

export function addRoute(route: RouteOptions): Message {
  return request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ...routeParts(route))
}

/** Adds a route in place of the one to the same destination. */
export function replaceRoute(route: RouteOptions): Message {
  return request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, ...routeParts(route))
}

export function removeRoute(route: RouteOptions): Message {
  return request(RTM_DELROUTE, 0, ...routeParts(route))
}

/** A struct rtmsg and what it is about. */
function routeParts({ destination, gateway, interface: index }: RouteOptions): Uint8Array[] {
  const scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK
  const family = addressFamily(destination.family)
  return [
    Buffer.from([family, destination.prefix, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, 0, 0, 0, 0]),
    ...(destination.prefix > 0 ? [attribute(RTA_DST, addressBytes(firstAddress(destination)))] : []),
    ...(gateway ? [attribute(RTA_GATEWAY, addressBytes(gateway))] : []),
    ...(index === undefined ? [] : [attribute(RTA_OIF, u32(index))]),
  ]
}
