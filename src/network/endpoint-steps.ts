import { type Address, parseAddress, parseMac } from './address.js'
import { type ChildOptions, createIpvlan, createMacvlan } from './child-links.js'
import type { ActiveEndpoint, KernelNetwork, NetworkDefinition } from './definition.js'
import type { EndpointLink, NetlinkStep } from './host-network-types.js'
import { createVeth, mutePort, raiseLink, raiseLoopbackLink, renameLink } from './links.js'
import { encodeMessages, type Message } from './messages.js'
import { type AttributePath, attributePlace, bodyPlaces } from './places.js'
import { addAddress, everywhere, removeAddress, replaceRoute } from './routes.js'
import { containsAddress, parseSubnet, type Subnet } from './subnet.js'

/** A number that is written over by who sends the messages. */
const unknown = 0
/** Where a struct ifinfomsg and a struct ifaddrmsg have the interface's index. */
const indexInHeader = 4
const linkHeaderLength = 16
const routeHeaderLength = 12
const IFLA_LINK = 5
const IFLA_MASTER = 10
const IFLA_LINKINFO = 18
const IFLA_INFO_DATA = 2
const IFLA_NET_NS_FD = 28
const VETH_INFO_PEER = 1
const RTA_OIF = 4
const namespaceOfChild: AttributePath = [{ skip: linkHeaderLength, type: IFLA_NET_NS_FD }]
const namespaceOfPeer: AttributePath = [
  { skip: linkHeaderLength, type: IFLA_LINKINFO },
  { skip: 0, type: IFLA_INFO_DATA },
  { skip: 0, type: VETH_INFO_PEER },
  { skip: linkHeaderLength, type: IFLA_NET_NS_FD },
]

/** What raises the loopback interface of a new namespace. */
export function loopbackSteps(): NetlinkStep[] {
  const messages = encodeMessages([raiseLoopbackLink()])
  return [{ socket: 'container', messages, link: '', linkAt: [], namespaceAt: undefined }]
}

/** What makes an endpoint in a namespace that is there: its interface, then its addresses and routes. */
export function endpointSteps(link: EndpointLink): NetlinkStep[] {
  const { driver } = link.network.definition
  const isPair = driver === 'bridge'
  const name = isPair ? link.endpoint.interface : childName(link.endpoint)
  return [isPair ? pairStep(link) : childStep(link), addressStep(link, name)]
}

/** What makes an endpoint whose program has ended mute at once, while its interfaces still are there. */
export function quietSteps(link: EndpointLink): NetlinkStep[] {
  const { network, endpoint } = link
  if (network.definition.driver === 'bridge')
    return [{ ...indexedStep(endpoint.hostInterface, [mutePort(unknown)]), socket: 'host' }]
  const removals = addressesOf(link).map(({ address, prefix }) => removeAddress(unknown, address, prefix))
  return removals.length > 0 ? [indexedStep(endpoint.interface, removals)] : []
}

/** A pair of interfaces, one of them on the network's bridge. */
function pairStep({ network, endpoint }: EndpointLink): NetlinkStep {
  const { interface: bridge, mtu, icc } = network.definition
  const messages = createVeth({
    name: endpoint.hostInterface,
    mtu,
    master: unknown,
    ipv6: false,
    isolated: !icc,
    hairpin: true,
    alias: bridge,
    peer: { name: endpoint.interface, mac: parseMac(endpoint.mac), mtu, namespace: unknown },
  })
  return hostStep(bridge, messages, [{ skip: linkHeaderLength, type: IFLA_MASTER }], namespaceOfPeer)
}

/**
 * A part of the network's parent. Kernels before 6.13 refuse the name of any interface of the host's, `eth0` for one, for
 * an interface of another namespace, too.
 */
function childStep({ network, endpoint }: EndpointLink): NetlinkStep {
  const { driver, interface: parent, mtu, mode, options } = network.definition
  const child: ChildOptions = { name: childName(endpoint), mtu, parent: unknown, namespace: unknown, mode }
  const message =
    driver === 'macvlan'
      ? createMacvlan({ ...child, mac: parseMac(endpoint.mac) })
      : createIpvlan(child, options.ipvlan_flag ?? 'bridge')
  return hostStep(parent, [message], [{ skip: linkHeaderLength, type: IFLA_LINK }], namespaceOfChild)
}

function childName({ id }: ActiveEndpoint): string {
  return `ib${id.slice(0, 11)}`
}

/** The messages' first makes the link, from the one that is named, in the namespace. */
function hostStep(
  link: string,
  messages: readonly Message[],
  pathToLink: AttributePath,
  pathToNamespace: AttributePath,
): NetlinkStep {
  const [first] = messages
  const [start] = bodyPlaces(messages)
  if (first === undefined || start === undefined) throw new RangeError('no message')
  return {
    socket: 'host',
    messages: encodeMessages(messages),
    link,
    linkAt: [start + attributePlace(first.body, pathToLink)],
    namespaceAt: start + attributePlace(first.body, pathToNamespace),
  }
}

function addressStep(link: EndpointLink, name: string): NetlinkStep {
  const { endpoint } = link
  const rename = name === endpoint.interface ? [] : [renameLink(unknown, endpoint.interface)]
  const addresses = addressesOf(link).map(({ address, prefix }) => addAddress(unknown, address, prefix))
  return indexedStep(
    name,
    [...rename, ...raiseLink(unknown, false, link.network.definition.mtu), ...addresses],
    defaultRoutes(link),
  )
}

/** Messages about an interface of the container's, and routes through it. */
function indexedStep(name: string, messages: readonly Message[], routes: readonly Message[] = []): NetlinkStep {
  const all = [...messages, ...routes]
  const linkAt = bodyPlaces(all).map((start, at) => {
    const { body } = all[at] as Message
    const inBody =
      at < messages.length ? indexInHeader : attributePlace(body, [{ skip: routeHeaderLength, type: RTA_OIF }])
    return start + inBody
  })
  return { socket: 'container', messages: encodeMessages(all), link: name, linkAt, namespaceAt: undefined }
}

/** What gives a family's default route to this endpoint, from whichever had it. */
export function defaultRouteStep(link: EndpointLink): NetlinkStep | undefined {
  const routes = defaultRoutes(link)
  return routes.length > 0 ? indexedStep(link.endpoint.interface, [], routes) : undefined
}

function defaultRoutes({ network, endpoint, defaultRoute }: EndpointLink): Message[] {
  const { definition } = network
  if (definition.internal) return []
  return [
    ...(defaultRoute.ipv4 && endpoint.ipv4 ? defaultRouteOf(definition, endpoint.ipv4) : []),
    ...(defaultRoute.ipv6 && endpoint.ipv6 ? defaultRouteOf(definition, endpoint.ipv6) : []),
  ]
}

function defaultRouteOf(definition: NetworkDefinition, text: string): Message[] {
  const address = parseAddress(text)
  const destination = everywhere(address.family)
  // In these modes the parent routes; there is no neighbour that could be asked.
  if (definition.driver === 'ipvlan' && definition.mode !== 'l2')
    return [replaceRoute({ destination, interface: unknown })]
  const gateway = definition.subnets.find(({ subnet }) => containsAddress(parseSubnet(subnet), address))?.gateway
  return gateway ? [replaceRoute({ destination, gateway: parseAddress(gateway), interface: unknown })] : []
}

interface PrefixedAddress {
  readonly address: Address
  readonly prefix: number
}

/** Its IPv4 and IPv6 addresses; with IPv6, the link-local one that the kernel would make by itself, and look for duplicates of. */
function addressesOf({ network, endpoint }: EndpointLink): PrefixedAddress[] {
  const { ipv4, ipv6, mac } = endpoint
  const global = [ipv4, ipv6].filter((text) => text !== undefined).map((text) => prefixed(network, text))
  return ipv6 && mac ? [...global, { address: linkLocalAddress(parseMac(mac)), prefix: 64 }] : global
}

function prefixed({ definition }: KernelNetwork, text: string): PrefixedAddress {
  const address = parseAddress(text)
  const subnets: Subnet[] = definition.subnets.map(({ subnet }) => parseSubnet(subnet))
  const prefix = subnets.find((subnet) => containsAddress(subnet, address))?.prefix
  if (prefix === undefined) throw new RangeError(`${text} is in no subnet of the network`)
  return { address, prefix }
}

/** fe80::/64 with the EUI-64 of the hardware address. @see RFC 4291, appendix A */
function linkLocalAddress(mac: Uint8Array): Address {
  const bytes = Buffer.from(mac)
  bytes.writeUInt8(bytes.readUInt8(0) ^ 2, 0)
  const identifier = Buffer.concat([bytes.subarray(0, 3), Buffer.from([0xff, 0xfe]), bytes.subarray(3)])
  return { family: 6, value: (0xfe80n << 112n) | identifier.readBigUInt64BE() }
}
