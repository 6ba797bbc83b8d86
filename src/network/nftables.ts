import {
  attribute,
  be16,
  be32,
  type Message,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  nested,
  request,
  silentRequest,
  text,
  u32,
} from './messages.js'
import { type Expression, type Verdict, value, verdictData } from './nft-expressions.js'

/** Tables of nftables, of the family `inet` (IPv4 and IPv6) unless said otherwise, and what is in them. Numbers of <linux/netfilter/nf_tables.h>. */
const NFNL_SUBSYS_NFTABLES = 10
const NFNL_MSG_BATCH_BEGIN = 16
const NFNL_MSG_BATCH_END = 17
const NFT_MSG = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  deleteChain: 5,
  newRule: 6,
  deleteRule: 8,
  newSet: 9,
  newElements: 12,
  deleteElements: 14,
  destroyElements: 30,
} as const
const AF_UNSPEC = 0
const NFPROTO_INET = 1
const NFPROTO_IPV4 = 2
const hooks = { prerouting: 0, forward: 2, output: 3, postrouting: 4 } as const
const NF_ACCEPT = 1
const NFT_SET_INTERVAL = 0x4
const NFT_SET_MAP = 0x8
const NFT_SET_ELEM_INTERVAL_END = 0x1
const NFT_DATA_VERDICT = 0xffffff00
/** A list of elements is one attribute, which cannot be longer than 64 KiB; an element has 160 bytes at most. */
const elementsPerMessage = 256

/** How nft(8) names, and the kernel sizes, the parts of keys and values. */
const dataTypes = {
  ipv4_addr: { number: 7, length: 4 },
  ipv6_addr: { number: 8, length: 16 },
  inet_proto: { number: 12, length: 4 },
  inet_service: { number: 13, length: 4 },
  ifname: { number: 41, length: 16 },
} as const
type DataType = keyof typeof dataTypes

/** What nft(8) keeps beside a set, to show names of interfaces as such: how the bytes of its keys are ordered. */
const keyInHostOrder = Buffer.from([0, 4, ...u32(1)])

/** Messages that happen all together or not at all. The kernel refuses the whole by refusing any. */
export function transaction(messages: readonly Message[]): Message[] {
  // Subsystem and version as a struct nfgenmsg has them: the batch is one of nftables' own.
  const delimiter = Buffer.from([AF_UNSPEC, 0, ...be16(NFNL_SUBSYS_NFTABLES)])
  return [silentRequest(NFNL_MSG_BATCH_BEGIN, delimiter), ...messages, silentRequest(NFNL_MSG_BATCH_END, delimiter)]
}

/** Makes a table; nothing happens when it is there. */
export function createTable(table: string): Message {
  return message('newTable', NLM_F_CREATE, attribute(1, text(table)))
}

/** Removes a table with all that is in it. ENOENT when there is none. */
export function deleteTable(table: string): Message {
  return message('deleteTable', 0, attribute(1, text(table)))
}

/** Asks whether there is a table: ENOENT when not. Not for a transaction. */
export function queryTable(table: string): Message {
  return message('getTable', 0, attribute(1, text(table)))
}

/** A chain that the kernel calls for packets: where, in which order, and whether it may translate addresses. */
export interface Hook {
  readonly type: 'filter' | 'nat'
  readonly at: keyof typeof hooks
  readonly priority: number
}

/** Makes a chain, which must not be there; without a hook it is reached by jumps only. What no rule decides goes on. */
export function createChain(table: string, chain: string, hook?: Hook): Message {
  const parts = [attribute(1, text(table)), attribute(3, text(chain))]
  if (hook) {
    parts.push(
      nested(4, attribute(1, be32(hooks[hook.at])), attribute(2, be32(hook.priority))),
      attribute(5, be32(NF_ACCEPT)),
      attribute(7, text(hook.type)),
    )
  }
  return message('newChain', NLM_F_CREATE | NLM_F_EXCL, ...parts)
}

/** Removes a chain with its rules; nothing may jump to it any more. */
export function deleteChain(table: string, chain: string): Message[] {
  return [
    message('deleteRule', 0, attribute(1, text(table)), attribute(2, text(chain))),
    message('deleteChain', 0, attribute(1, text(table)), attribute(3, text(chain))),
  ]
}

/** Adds a rule at the end of a chain. */
export function addRule(table: string, chain: string, expressions: readonly Expression[]): Message {
  return message(
    'newRule',
    NLM_F_CREATE | NLM_F_APPEND,
    attribute(1, text(table)),
    attribute(2, text(chain)),
    nested(4, ...expressions),
  )
}

/** A set, or with `data` a map. */
export interface SetOptions {
  readonly name: string
  readonly key: readonly DataType[]
  /** What keys are mapped to. */
  readonly data?: readonly DataType[] | 'verdict'
  /** Whether the elements are ranges of keys. */
  readonly interval?: boolean
}

/** Makes a set. `id` tells the sets of one transaction apart. */
export function createSet(table: string, { name, key, data, interval }: SetOptions, id: number): Message {
  const flags = (data ? NFT_SET_MAP : 0) | (interval ? NFT_SET_INTERVAL : 0)
  return message(
    'newSet',
    NLM_F_CREATE | NLM_F_EXCL,
    attribute(1, text(table)),
    attribute(2, text(name)),
    attribute(3, be32(flags)),
    attribute(4, be32(typeNumber(key))),
    attribute(5, be32(typeLength(key))),
    ...(data ? mapAttributes(data) : []),
    attribute(10, be32(id)),
    ...(key[0] === 'ifname' ? [attribute(13, keyInHostOrder)] : []),
  )
}

function mapAttributes(data: readonly DataType[] | 'verdict'): Uint8Array[] {
  if (data === 'verdict') return [attribute(6, be32(NFT_DATA_VERDICT)), attribute(7, be32(0))]
  return [attribute(6, be32(typeNumber(data))), attribute(7, be32(typeLength(data)))]
}

/** nft(8) reads the parts of a concatenation from six bits each; the kernel only keeps the number. */
function typeNumber(types: readonly DataType[]): number {
  return types.reduce((number, type) => (number << 6) | dataTypes[type].number, 0)
}

function typeLength(types: readonly DataType[]): number {
  return types.reduce((length, type) => length + dataTypes[type].length, 0)
}

/** An element of a set or map. */
export interface SetElement {
  readonly key: Uint8Array
  readonly data?: Uint8Array | Verdict
  /** Of a set of ranges: the element is where a range ends, the first key that is not in it. */
  readonly end?: boolean
}

/** Adds elements. EEXIST when one is there already. */
export function addElements(table: string, set: string, elements: readonly SetElement[]): Message[] {
  return elementMessages('newElements', NLM_F_CREATE | NLM_F_EXCL, table, set, elements)
}

/** Removes elements, which are told by their keys. ENOENT when one is not there. */
export function deleteElements(table: string, set: string, elements: readonly SetElement[]): Message[] {
  return elementMessages('deleteElements', 0, table, set, elements)
}

/** Adds elements, or leaves those that are there. EBUSY when one maps to something else. */
export function putElements(table: string, set: string, elements: readonly SetElement[]): Message[] {
  return elementMessages('newElements', NLM_F_CREATE, table, set, elements)
}

/** Removes elements if they are there; from Linux 6.3 on. */
export function destroyElements(table: string, set: string, elements: readonly SetElement[]): Message[] {
  return elementMessages('destroyElements', 0, table, set, elements)
}

function elementMessages(
  type: 'newElements' | 'deleteElements' | 'destroyElements',
  flags: number,
  table: string,
  set: string,
  elements: readonly SetElement[],
): Message[] {
  const messages: Message[] = []
  for (let at = 0; at < elements.length; at += elementsPerMessage) {
    const some = elements.slice(at, at + elementsPerMessage).map(encodeElement)
    messages.push(message(type, flags, attribute(1, text(table)), attribute(2, text(set)), nested(3, ...some)))
  }
  return messages
}

function encodeElement({ key, data, end }: SetElement): Uint8Array {
  const content = data instanceof Uint8Array ? value(data) : data && verdictData(data)
  return nested(
    1,
    nested(1, value(key)),
    ...(content ? [nested(2, content)] : []),
    ...(end ? [attribute(3, be32(NFT_SET_ELEM_INTERVAL_END))] : []),
  )
}

function message(type: keyof typeof NFT_MSG, flags: number, ...parts: readonly Uint8Array[]): Message {
  return nftRequest(NFT_MSG[type], flags, NFPROTO_INET, ...parts)
}

/** The same about a table that sees IPv4 only. */
export function inIpv4({ type, flags, body }: Message): Message {
  return { type, flags, body: Buffer.from([NFPROTO_IPV4, ...body.subarray(1)]) }
}

/** A message about tables of any family, by its number. */
export function nftRequest(type: number, flags: number, family: number, ...parts: readonly Uint8Array[]): Message {
  return request(nftType(type), flags, Buffer.from([family, 0, 0, 0]), ...parts)
}

/** A message's number among those of all of netfilter's subsystems. */
export function nftType(type: number): number {
  return (NFNL_SUBSYS_NFTABLES << 8) | type
}
