import { type Address, addressBits, addressBytes, type Family } from './address.js'
import { type Message, u32 } from './messages.js'
import {
  decide,
  type Expression,
  loadBytes,
  loadMeta,
  lookup,
  lookupAbsent,
  lookupVerdict,
  masquerade,
  setMark,
  translateDestination,
  type Verdict,
} from './nft-expressions.js'
import {
  addressWords,
  endpointData,
  fromElsewhere,
  interfaceName,
  loadAddress,
  loadService,
  loopbackAddress,
  notThroughInterface,
  ofFamily,
  ofKnownConnection,
  ofTranslatedConnection,
  type Protocol,
  serviceKey,
  throughInterface,
  toThisHost,
} from './nft-matches.js'
import {
  addElements,
  addRule,
  createChain,
  createSet,
  createTable,
  deleteChain,
  deleteElements,
  type SetElement,
  type SetOptions,
} from './nftables.js'
import { firstAddress, lastAddress, type Subnet } from './subnet.js'

/**
 * The rules of one root: one table, made once. A network is two chains and a few elements, a published port is one element;
 * so what a packet or a change costs does not grow with the number of containers.
 *
 * - `own` has all bridges, `bridges` those that are not internal.
 * - `arriving` and `departing` map the bridge a packet goes to, or comes from, to the network's own chain.
 * - `sources4` and `sources6` map a network's subnets to what it translates of what leaves it.
 * - `published*` map an address of the host, `wildcard*` any of them, with protocol and port, to a container's.
 */
const sets: readonly SetOptions[] = [
  { name: 'own', key: ['ifname'] },
  { name: 'bridges', key: ['ifname'] },
  { name: 'departing', key: ['ifname'], data: 'verdict' },
  { name: 'arriving', key: ['ifname'], data: 'verdict' },
  { name: 'sources4', key: ['ipv4_addr'], data: 'verdict', interval: true },
  { name: 'sources6', key: ['ipv6_addr'], data: 'verdict', interval: true },
  { name: 'published4', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: ['ipv4_addr', 'inet_service'] },
  { name: 'published6', key: ['ipv6_addr', 'inet_proto', 'inet_service'], data: ['ipv6_addr', 'inet_service'] },
  { name: 'wildcard4', key: ['inet_proto', 'inet_service'], data: ['ipv4_addr', 'inet_service'] },
  { name: 'wildcard6', key: ['inet_proto', 'inet_service'], data: ['ipv6_addr', 'inet_service'] },
  { name: 'links4', key: ['ipv4_addr', 'ipv4_addr', 'inet_proto', 'inet_service'] },
]

const accept = decide({ kind: 'accept' })
const drop = decide({ kind: 'drop' })

/** The mark of packets that come from internal networks. */
export const internalMark = 0x69_6e_74_72

function marked(mark: number): Expression[] {
  return [loadBytes(u32(mark), 0), setMark(0)]
}

/** The name of a root's table. */
export function tableName(rootId: string): string {
  return `inboard-${rootId}`
}

/** The messages that make a root's table. It must not be there. */
export function createRuleset(table: string): Message[] {
  const rule = (chain: string, ...expressions: Expression[]) => addRule(table, chain, expressions)
  return [
    createTable(table),
    ...sets.map((set, at) => createSet(table, set, at + 1)),
    createChain(table, 'publish'),
    createChain(table, 'raw', { type: 'filter', at: 'prerouting', priority: -300 }),
    createChain(table, 'prerouting', { type: 'nat', at: 'prerouting', priority: -100 }),
    createChain(table, 'output', { type: 'nat', at: 'output', priority: -100 }),
    createChain(table, 'postrouting', { type: 'nat', at: 'postrouting', priority: 100 }),
    createChain(table, 'forward', { type: 'filter', at: 'forward', priority: 0 }),
    // Bridges route 127.0.0.0/8, so that the host reaches ports published there; nobody else may (CVE-2020-8558).
    rule('raw', ...notThroughInterface('iifname', 'lo'), ...loopbackAddress('destination'), drop),
    // Nobody sends as somebody whom this host would look for elsewhere. rp_filter is of IPv4 only, and where all interfaces
    // have 2, as some distributions set it, 1 means nothing.
    rule('raw', loadMeta('iifname', 0), lookup('own', 0), ...fromElsewhere(), drop),
    // What is forwarded from an internal network is dropped; what a held port's socket gets would be relayed (see `holdPorts`).
    rule('raw', loadMeta('iifname', 0), lookup('own', 0), lookupAbsent('bridges', 0), ...marked(internalMark)),
    rule('publish', ...ofFamily(4), ...translation(4, 'published4', true)),
    rule('publish', ...ofFamily(6), ...translation(6, 'published6', true)),
    rule('publish', ...toThisHost(), ...ofFamily(4), ...translation(4, 'wildcard4', false)),
    rule('publish', ...toThisHost(), ...ofFamily(6), ...translation(6, 'wildcard6', false)),
    rule('prerouting', decide({ kind: 'jump', chain: 'publish' })),
    rule('output', decide({ kind: 'jump', chain: 'publish' })),
    rule('postrouting', ...ofFamily(4), loadAddress(4, 'source', 0), lookupVerdict('sources4', 0)),
    rule('postrouting', ...ofFamily(6), loadAddress(6, 'source', 0), lookupVerdict('sources6', 0)),
    rule('postrouting', ...loopbackAddress('source'), loadMeta('oifname', 0), lookup('bridges', 0), masquerade()),
    rule('forward', loadMeta('iifname', 0), lookupVerdict('departing', 0)),
    rule('forward', loadMeta('oifname', 0), lookupVerdict('arriving', 0)),
  ]
}

/** Looks the destination up, with or without its address, and translates to what is found. */
function translation(family: 4 | 6, map: string, withAddress: boolean): Expression[] {
  const words = addressWords(family)
  return [
    ...(withAddress ? [loadAddress(family, 'destination', 0)] : []),
    ...loadService(withAddress ? words : 0),
    lookup(map, 0, 0),
    translateDestination(family === 4 ? 'ip' : 'ip6', 0, words),
  ]
}

/**
 * The messages that make a host, which forwards a family's packets only because of this root, forward none but those of its
 * own bridges.
 */
export function addGuard(table: string, family: Family): Message[] {
  const chain = guardChain(family)
  return [
    createChain(table, chain, { type: 'filter', at: 'forward', priority: 0 }),
    addRule(table, chain, [loadMeta('iifname', 0), lookup('own', 0), accept]),
    addRule(table, chain, [loadMeta('oifname', 0), lookup('own', 0), accept]),
    addRule(table, chain, [...ofFamily(family), drop]),
  ]
}

/** The name of the chain that `addGuard` makes, in whichever root's table. */
export function guardChain(family: Family): string {
  return `guard${family}`
}

/** What the rules need to know of a network. */
export interface NetworkRules {
  /** The name of its bridge. */
  readonly bridge: string
  readonly subnets: readonly Subnet[]
  /** Whether it reaches nothing but itself. */
  readonly internal: boolean
  /** Whether containers reach their neighbours. When not, ports are isolated, and the bridge answers ARP for them. */
  readonly icc: boolean
  /** Whether what leaves it has the host's address. */
  readonly masquerade: boolean
}

/** The messages that make a network's chains. EEXIST when it is there, or another has one of its subnets. */
export function addNetworkRules(table: string, network: NetworkRules): Message[] {
  const rules = networkChains(network).flatMap(({ chain, rules }) => [
    createChain(table, chain),
    ...rules.map((expressions) => addRule(table, chain, expressions)),
  ])
  return [...rules, ...networkElements(network).flatMap(({ set, elements }) => addElements(table, set, elements))]
}

/** The messages that remove what `addNetworkRules` has made of the same network. */
export function removeNetworkRules(table: string, network: NetworkRules): Message[] {
  const elements = networkElements(network).flatMap(({ set, elements }) => deleteElements(table, set, elements))
  return [...elements, ...networkChains(network).flatMap(({ chain }) => deleteChain(table, chain))]
}

/** The chain that every network has. */
export function arrivalChain(bridge: string): string {
  return `arrive-${bridge}`
}

function networkChains(network: NetworkRules): { chain: string; rules: Expression[][] }[] {
  const { bridge, internal } = network
  const arriving = { chain: arrivalChain(bridge), rules: arrivalRules(network) }
  if (internal) {
    return [arriving, { chain: `depart-${bridge}`, rules: [[...notThroughInterface('oifname', bridge), drop]] }]
  }
  return [arriving, { chain: `translate-${bridge}`, rules: translationRules(network) }]
}

/** Neighbours, answers, and connections for published ports arrive; nothing else does, from any other interface. */
function arrivalRules({ bridge, internal, icc }: NetworkRules): Expression[][] {
  const fromNeighbour = throughInterface('iifname', bridge)
  return [
    icc ? [...fromNeighbour, accept] : [...fromNeighbour, ...linkedService(), accept],
    [...ofKnownConnection(), accept],
    ...(internal ? [] : [[...ofTranslatedConnection(), accept]]),
    [drop],
  ]
}

function linkedService(): Expression[] {
  const addresses = [loadAddress(4, 'source', 0), loadAddress(4, 'destination', 1)]
  return [...ofFamily(4), ...addresses, ...loadService(2), lookup('links4', 0)]
}

/** A neighbour that comes by a published port would be answered directly, from an address it does not know. */
function translationRules({ bridge, masquerade: hides }: NetworkRules): Expression[][] {
  const hairpin = [...throughInterface('oifname', bridge), ...ofTranslatedConnection(), masquerade()]
  return hides ? [[...notThroughInterface('oifname', bridge), masquerade()], hairpin] : [hairpin]
}

function networkElements({ bridge, subnets, internal }: NetworkRules): ElementsOfSet[] {
  const key = interfaceName(bridge)
  const own = { set: 'own', elements: [{ key }] }
  const arriving = { set: 'arriving', elements: [{ key, data: goTo(arrivalChain(bridge)) }] }
  // What it does not decide goes on to where the packet arrives.
  const departing: SetElement = { key, data: { kind: 'jump', chain: `depart-${bridge}` } }
  if (internal) return [own, arriving, { set: 'departing', elements: [departing] }]
  const sources = subnets.map((subnet) => ({
    set: `sources${subnet.family}`,
    elements: rangeElements(subnet, goTo(`translate-${bridge}`)),
  }))
  return [own, arriving, { set: 'bridges', elements: [{ key }] }, ...sources]
}

/** A range's first key, and the first one behind it; behind the last of all there is none. */
function rangeElements(subnet: Subnet, data: Verdict): SetElement[] {
  const first: SetElement = { key: addressBytes(firstAddress(subnet)), data }
  const after = { family: subnet.family, value: lastAddress(subnet).value + 1n }
  if (after.value >> BigInt(addressBits(subnet.family))) return [first]
  return [first, { key: addressBytes(after), end: true }]
}

function goTo(chain: string): Verdict {
  return { kind: 'goto', chain }
}

/** A port of the host that leads to a container's. */
export interface PublishedPort {
  readonly protocol: Protocol
  /** 0.0.0.0 or :: for every address of the family; of the same family as the container's. */
  readonly hostAddress: Address
  readonly hostPort: number
  readonly address: Address
  readonly port: number
}

/** Elements, and the set they belong to. */
export interface ElementsOfSet {
  readonly set: string
  readonly elements: readonly SetElement[]
}

/** The elements that published ports are. */
export function portElements(ports: readonly PublishedPort[]): ElementsOfSet[] {
  const groups = new Map<string, SetElement[]>()
  for (const port of ports) {
    const elements = groups.get(publishedSet(port)) ?? []
    elements.push(publishedElement(port))
    groups.set(publishedSet(port), elements)
  }
  return [...groups].map(([set, elements]) => ({ set, elements }))
}

function publishedSet({ hostAddress: { family, value } }: PublishedPort): string {
  return value === 0n ? `wildcard${family}` : `published${family}`
}

function publishedElement({ protocol, hostAddress, hostPort, address, port }: PublishedPort): SetElement {
  const service = serviceKey(protocol, hostPort)
  const key = hostAddress.value === 0n ? service : Buffer.concat([addressBytes(hostAddress), service])
  return { key, data: endpointData(address, port) }
}

/** A port of a container that a linked neighbour reaches on a network without `icc`. */
export interface LinkedPort {
  readonly from: Address
  readonly to: Address
  readonly protocol: Protocol
  readonly port: number
}

/** The elements that linked ports are. */
export function linkElements(ports: readonly LinkedPort[]): ElementsOfSet[] {
  return ports.length > 0 ? [{ set: 'links4', elements: ports.map(linkedElement) }] : []
}

function linkedElement({ from, to, protocol, port }: LinkedPort): SetElement {
  return { key: Buffer.concat([addressBytes(from), addressBytes(to), serviceKey(protocol, port)]) }
}
