import { release } from 'node:os'
import { encodeMessages, type Message } from './messages.js'
import { addElements, deleteElements, destroyElements, putElements, type SetElement, transaction } from './nftables.js'
import {
  type ElementsOfSet,
  type LinkedPort,
  linkElements,
  type PublishedPort,
  portElements,
  tableName,
} from './ruleset.js'

/**
 * Changes of the firewall that a container's supervisor makes, each a transaction of its own. What is there of the same
 * key is somebody's who is gone: who holds the port's socket, or has the address, has its element. What is to be removed
 * may be gone.
 */

/** Leads ports of the host to a container's. */
export function publishBatches(rootId: string, ports: readonly PublishedPort[]): Uint8Array[] {
  return additions(tableName(rootId), portElements(ports))
}

export function unpublishBatches(rootId: string, ports: readonly PublishedPort[]): Uint8Array[] {
  return removals(tableName(rootId), portElements(ports))
}

/** Opens ports to linked neighbours. */
export function linkBatches(rootId: string, ports: readonly LinkedPort[]): Uint8Array[] {
  return additions(tableName(rootId), linkElements(ports))
}

export function unlinkBatches(rootId: string, ports: readonly LinkedPort[]): Uint8Array[] {
  return removals(tableName(rootId), linkElements(ports))
}

function additions(table: string, sets: readonly ElementsOfSet[]): Uint8Array[] {
  return sets.length > 0 ? [batch(replaceMessages(table, sets))] : []
}

function removals(table: string, sets: readonly ElementsOfSet[]): Uint8Array[] {
  return removalTransactions(table, sets).map(batch)
}

function batch(messages: readonly Message[]): Uint8Array {
  return encodeMessages(transaction(messages))
}

/** Elements in place of those of the same keys. Before Linux 6.3, EBUSY for one that maps to something else. */
export function replaceMessages(table: string, sets: readonly ElementsOfSet[]): Message[] {
  return sets.flatMap(({ set, elements }) =>
    canDestroy()
      ? [...destroyElements(table, set, keysOf(elements)), ...addElements(table, set, elements)]
      : putElements(table, set, elements),
  )
}

/** What removes elements, whether they are there or not, if each transaction is tried. */
export function removalTransactions(table: string, sets: readonly ElementsOfSet[]): Message[][] {
  if (sets.length === 0) return []
  if (canDestroy()) return [sets.flatMap(({ set, elements }) => destroyElements(table, set, keysOf(elements)))]
  return sets.flatMap(({ set, elements }) => keysOf(elements).map((element) => deleteElements(table, set, [element])))
}

function keysOf(elements: readonly SetElement[]): SetElement[] {
  return elements.map(({ key }) => ({ key }))
}

/** Linux 6.3 is the first that can remove what may not be there. */
export function canDestroy(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  return major > 6 || (major === 6 && minor >= 3)
}
