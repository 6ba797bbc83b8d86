import type { NetworkDefinition } from './definition.js'
import { deleteLink, deleteLinks } from './links.js'
import { encodeMessages, type Message } from './messages.js'
import { deleteTable, transaction } from './nftables.js'
import { removeNetworkRules, tableName } from './ruleset.js'
import { parseSubnet } from './subnet.js'

/** What removes a network from the kernel, encoded, for who executes it without knowing more. */
export interface NetworkRemoval {
  /** A transaction of nfnetlink; undefined: it has no rules. */
  readonly rules: Uint8Array | undefined
  /** Of rtnetlink; for an interface of this root's own only. */
  readonly link: Uint8Array
}

export function networkRemoval(rootId: string, definition: NetworkDefinition): NetworkRemoval {
  const { driver, interface: bridge, subnets, internal, icc, masquerade } = definition
  const rules = { bridge, subnets: subnets.map(({ subnet }) => parseSubnet(subnet)), internal, icc, masquerade }
  return {
    rules: driver === 'bridge' ? batch(removeNetworkRules(tableName(rootId), rules)) : undefined,
    link: linkRemoval(bridge),
  }
}

export const linkRemoval = (name: string): Uint8Array => encodeMessages([deleteLink(name)])

/** What removes a root's table, and all its interfaces. */
export function rootRemoval(rootId: string): { readonly table: Uint8Array; readonly links: Uint8Array } {
  return {
    table: batch([deleteTable(tableName(rootId))]),
    links: encodeMessages([deleteLinks(linkGroup(rootId))]),
  }
}

/** The group that a root's interfaces are of. */
export const linkGroup = (rootId: string): number => Number.parseInt(rootId, 16)

const batch = (messages: readonly Message[]) => encodeMessages(transaction(messages))
