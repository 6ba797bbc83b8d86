import { type Answer, readAttributes, readText } from './answers.js'
import { attribute, dumpRequest, type Message, text } from './messages.js'
import { nftType } from './nftables.js'

/** What nftables has, of whomever, as the kernel dumps it. Numbers of <linux/netfilter/nf_tables.h>. */
const NFT_MSG_NEWCHAIN = 3
const NFT_MSG_GETCHAIN = 4
const NFT_MSG_NEWRULE = 6
const NFT_MSG_GETRULE = 7
const NF_DROP = 0
const NFTA_DATA_VERDICT = 2
const NFTA_VERDICT_CODE = 1
const commentType = 0

/** A chain of any table. */
export interface ChainRecord {
  /** 1: inet, 2: ip, 10: ip6. */
  readonly family: number
  readonly table: string
  readonly name: string
  readonly handle: string
  /** Where the kernel calls it; undefined for one that is reached by jumps. */
  readonly hook?: number
  /** Whether it drops what no rule decides. */
  readonly drops: boolean
  /** How many rules and jumps there are. */
  readonly uses: number
}

/** A rule of any chain. */
export interface RuleRecord {
  readonly handle: Buffer
  readonly comment?: string
  /** Whether it drops or rejects every packet that reaches it. */
  readonly dropsAll: boolean
}

export function dumpChains(): Message {
  return dumpRequest(nftType(NFT_MSG_GETCHAIN), Buffer.alloc(4))
}

/** The rules of one chain. */
export function dumpRules({ family, table, name }: ChainRecord): Message {
  const chain = [attribute(1, text(table)), attribute(2, text(name))]
  return dumpRequest(nftType(NFT_MSG_GETRULE), Buffer.from([family, 0, 0, 0]), ...chain)
}

export function readChains(answers: readonly Answer[]): ChainRecord[] {
  return answers.filter(({ type }) => type === nftType(NFT_MSG_NEWCHAIN)).map(readChain)
}

function readChain({ body }: Answer): ChainRecord {
  const attributes = readAttributes(body, 4)
  const hook = attributes.get(4)
  const number = hook && readAttributes(hook).get(1)?.readUInt32BE(0)
  return {
    family: body.readUInt8(0),
    table: readText(attributes.get(1) ?? Buffer.alloc(0)),
    name: readText(attributes.get(3) ?? Buffer.alloc(0)),
    handle: attributes.get(2)?.toString('hex') ?? '',
    ...(number !== undefined && { hook: number }),
    drops: attributes.get(5)?.readUInt32BE(0) === NF_DROP,
    uses: attributes.get(6)?.readUInt32BE(0) ?? 0,
  }
}

export function readRules(answers: readonly Answer[]): RuleRecord[] {
  return answers.filter(({ type }) => type === nftType(NFT_MSG_NEWRULE)).map(readRule)
}

function readRule({ body }: Answer): RuleRecord {
  const attributes = readAttributes(body, 4)
  const comment = readComment(attributes.get(7) ?? Buffer.alloc(0))
  return {
    handle: attributes.get(3) ?? Buffer.alloc(8),
    ...(comment !== undefined && { comment }),
    dropsAll: dropsAll(attributes.get(4) ?? Buffer.alloc(0)),
  }
}

/** The comment that nft(8) and iptables(8) keep beside a rule: type, length, text. */
function readComment(data: Buffer): string | undefined {
  for (let at = 0; at + 2 <= data.length; at += 2 + data.readUInt8(at + 1))
    if (data.readUInt8(at) === commentType) return readText(data.subarray(at + 2, at + 2 + data.readUInt8(at + 1)))
  return undefined
}

/** What a comment is kept as; up to 253 bytes. */
export function commentData(comment: string): Uint8Array {
  const bytes = text(comment)
  return Buffer.from([commentType, bytes.length, ...bytes])
}

/** Expressions that decide nothing. */
const passive = new Set(['counter', 'log'])

function dropsAll(list: Buffer): boolean {
  const active = readList(list).filter(({ name }) => !passive.has(name))
  return active.length === 1 && active.every(({ name, data }) => isDrop(name, data))
}

function isDrop(name: string, data: Buffer): boolean {
  if (name === 'reject') return true
  // What iptables(8) has of its own kinds.
  if (name === 'target') return /^(REJECT|DROP)$/.test(readText(readAttributes(data).get(1) ?? Buffer.alloc(0)))
  if (name !== 'immediate') return false
  const verdict = readAttributes(readAttributes(data).get(2) ?? Buffer.alloc(0)).get(NFTA_DATA_VERDICT)
  return verdict !== undefined && readAttributes(verdict).get(NFTA_VERDICT_CODE)?.readInt32BE(0) === NF_DROP
}

/** The expressions of a rule: attributes of one type, which differ in their order only. */
function readList(list: Buffer): { name: string; data: Buffer }[] {
  const expressions: { name: string; data: Buffer }[] = []
  for (let at = 0; at + 4 <= list.length; at += Math.max(4, (list.readUInt16LE(at) + 3) & ~3)) {
    const parts = readAttributes(list.subarray(at + 4, at + list.readUInt16LE(at)))
    expressions.push({ name: readText(parts.get(1) ?? Buffer.alloc(0)), data: parts.get(2) ?? Buffer.alloc(0) })
  }
  return expressions
}
