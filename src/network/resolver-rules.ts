import { addressBytes, parseAddress } from './address.js'
import { encodeMessages, type Message, silently } from './messages.js'
import { compare, type Expression, loadBytes, loadMeta, loadPayload, storePayload } from './nft-expressions.js'
import { addRule, createChain, createTable, inIpv4, transaction } from './nftables.js'
import { type AttributePath, attributePlace, bodyPlaces } from './places.js'

/** A batch of messages for a container's network namespace, and where its resolver's ports are written. */
export interface ResolverRules {
  readonly messages: Uint8Array
  /** Offsets of two bytes each, in the network's order: the port of its datagrams. */
  readonly udpAt: readonly number[]
  /** That of its connections. */
  readonly tcpAt: readonly number[]
}

type Protocol = 'udp' | 'tcp'

const table = 'inboard-resolver'
const resolver = addressBytes(parseAddress('127.0.0.11'))
const domain = Buffer.from([0, 53])
const unknown = Buffer.alloc(2)
const protocols = { udp: { number: 17, checksum: 6 }, tcp: { number: 6, checksum: 16 } } as const
const addressOffsets = { source: 12, destination: 16 } as const
const portOffsets = { source: 0, destination: 2 } as const

const nfgenmsgLength = 4
const NFTA_RULE_EXPRESSIONS = 4
const NFTA_LIST_ELEM = 1
const NFTA_EXPR_DATA = 2
const NFTA_IMMEDIATE_DATA = 2
const NFTA_CMP_DATA = 3
const NFTA_DATA_VALUE = 1

let compiled: ResolverRules | undefined

/**
 * What makes 127.0.0.11:53 of a container lead to its resolver, whose sockets have other ports: so a name server of the
 * container's own can have port 53 of all its addresses. Ports of packets are written over, and nothing is remembered of
 * them: no connection tracking, which costs each query an entry of a table that can be full, and the start its set-up.
 *
 * What the container does with its packets by rules of its own works as with translated addresses: a query has its
 * new port before anything looks at it, an answer has its old one until all have, so that it belongs to its query.
 */
export function resolverRules(): ResolverRules {
  compiled ??= compile()
  return compiled
}

function compile(): ResolverRules {
  const rules = [queryRule('udp'), queryRule('tcp'), answerRule('udp'), answerRule('tcp')]
  const messages = transaction(
    [
      createTable(table),
      createChain(table, 'queries', { type: 'filter', at: 'output', priority: -300 }),
      createChain(table, 'answers', { type: 'filter', at: 'postrouting', priority: 100 }),
      ...rules.map(({ message }) => message),
    ].map((message) => silently(inIpv4(message))),
  )
  // The rules are the last, before the end of the transaction.
  const starts = bodyPlaces(messages).slice(-1 - rules.length)
  const placesOf = (protocol: Protocol) =>
    rules.flatMap((rule, at) => (rule.protocol === protocol ? [(starts[at] ?? 0) + rule.portPlace] : []))
  return { messages: encodeMessages(messages), udpAt: placesOf('udp'), tcpAt: placesOf('tcp') }
}

/** A rule that has a port which is not known yet. */
interface PortRule {
  readonly protocol: Protocol
  readonly message: Message
  /** Where in the message's body the port is. */
  readonly portPlace: number
}

function queryRule(protocol: Protocol): PortRule {
  const tests = [...ofResolver(protocol, 'destination'), compare(0, 'equal', domain)]
  const store = storePort(protocol, 'destination')
  const path = expressionPath(tests, NFTA_IMMEDIATE_DATA)
  return portRule(protocol, 'queries', [...tests, loadBytes(unknown, 0), store], path)
}

function answerRule(protocol: Protocol): PortRule {
  const tests = ofResolver(protocol, 'source')
  const store = storePort(protocol, 'source')
  const path = expressionPath(tests, NFTA_CMP_DATA)
  return portRule(protocol, 'answers', [...tests, compare(0, 'equal', unknown), loadBytes(domain, 0), store], path)
}

/** The packet goes to, or comes from, the resolver's address; loads the port of that side. */
function ofResolver(protocol: Protocol, side: 'source' | 'destination'): Expression[] {
  return [
    loadPayload('network', addressOffsets[side], 4, 0),
    compare(0, 'equal', resolver),
    loadMeta('l4proto', 0),
    compare(0, 'equal', Buffer.from([protocols[protocol].number])),
    loadPayload('transport', portOffsets[side], 2, 0),
  ]
}

function storePort(protocol: Protocol, side: 'source' | 'destination'): Expression {
  return storePayload('transport', portOffsets[side], 2, 0, protocols[protocol].checksum)
}

/** The way to the bytes of the expression that follows `before`. */
function expressionPath(before: readonly Expression[], data: number): AttributePath {
  const skip = before.reduce((length, expression) => length + expression.length, 0)
  return [
    { skip: nfgenmsgLength, type: NFTA_RULE_EXPRESSIONS },
    { skip, type: NFTA_LIST_ELEM },
    { skip: 0, type: NFTA_EXPR_DATA },
    { skip: 0, type: data },
    { skip: 0, type: NFTA_DATA_VALUE },
  ]
}

function portRule(
  protocol: Protocol,
  chain: string,
  expressions: readonly Expression[],
  path: AttributePath,
): PortRule {
  const message = addRule(table, chain, expressions)
  return { protocol, message, portPlace: attributePlace(message.body, path) }
}
