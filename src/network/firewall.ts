import type { Family } from './address.js'
import { checkObeyed, refusals } from './answers.js'
import type { KernelNetwork } from './definition.js'
import { Exceptions, foreignChains, signatureOf } from './exceptions.js'
import type { WantedState } from './host-network-types.js'
import type { Message } from './messages.js'
import type { NetlinkSocket } from './netlink-socket.js'
import { type ChainRecord, dumpChains, readChains } from './nft-records.js'
import { addElements, deleteTable, transaction } from './nftables.js'
import { canDestroy, removalTransactions, replaceMessages } from './plan-batches.js'
import {
  addGuard,
  addNetworkRules,
  arrivalChain,
  createRuleset,
  type ElementsOfSet,
  guardChain,
  linkElements,
  type NetworkRules,
  portElements,
  removeNetworkRules,
  tableName,
} from './ruleset.js'
import { parseSubnet } from './subnet.js'

/** What one dump of the chains tells. */
export interface MissingRules {
  /** There is none. */
  readonly table: boolean
  /** Those that have no rules. */
  readonly networks: readonly KernelNetwork[]
  /** Others have changed chains that need them: they may be gone. */
  readonly exceptions: boolean
}

/** The rules of a root: its table, and its exceptions in the chains of others. */
export class Firewall {
  readonly #exceptions: Exceptions
  /** The chains of others, when they had all exceptions that they need. */
  #signature: string | undefined

  constructor(
    private readonly socket: NetlinkSocket,
    private readonly table: string,
  ) {
    this.#exceptions = new Exceptions(socket, table)
  }

  /** What of these networks' rules is missing, as far as one dump of the chains tells. */
  async missing(networks: readonly KernelNetwork[]): Promise<MissingRules> {
    const bridges = networks.filter(isBridge)
    if (bridges.length === 0) return { table: false, networks: [], exceptions: false }
    const chains = await this.#chains()
    const own = new Set(chains.filter(({ table }) => table === this.table).map(({ name }) => name))
    const foreign = foreignChains(chains, this.table)
    return {
      table: own.size === 0,
      networks: bridges.filter(({ definition }) => !own.has(arrivalChain(definition.interface))),
      exceptions: foreign.length > 0 && signatureOf(foreign) !== this.#signature,
    }
  }

  /** Whether no rules of any root are left without a network's, or without all of this root's. */
  async isLast(network?: KernelNetwork): Promise<boolean> {
    const chains = (await this.#chains()).filter(({ table }) => table.startsWith(tableName('')))
    if (!network) return chains.every(({ table }) => table === this.table)
    const own = arrivalChain(network.definition.interface)
    return chains.every(
      ({ table, name }) => table === this.table && (name === own || !name.startsWith(arrivalChain(''))),
    )
  }

  /** Adds a network's rules if they are missing, the table when it is the first, and what guards the host as its router. */
  async add(network: KernelNetwork, guarded: readonly Family[]): Promise<void> {
    if (!isBridge(network)) return
    const own = (await this.#chains()).filter(({ table }) => table === this.table)
    const hasRules = own.some(({ name }) => name === arrivalChain(network.definition.interface))
    await this.socket.commit(`rules of ${network.definition.interface}`, [
      ...(own.length > 0 ? [] : createRuleset(this.table)),
      ...guarded
        .filter((family) => !own.some(({ name }) => name === guardChain(family)))
        .flatMap((family) => addGuard(this.table, family)),
      ...(hasRules ? [] : addNetworkRules(this.table, rulesOf(network))),
    ])
    await this.#exceptions.add([network.definition.interface])
    // Those of other networks were not looked at.
    this.#signature = undefined
  }

  /** Makes the table again with all that is in it; nobody sees it missing. */
  async rebuild({ networks, ports, links }: WantedState, guarded: readonly Family[]): Promise<void> {
    const bridges = networks.filter(isBridge)
    const isThere = (await this.#chains()).some(({ table }) => table === this.table)
    await this.socket.commit('rules', [
      ...(isThere ? [deleteTable(this.table)] : []),
      ...(bridges.length > 0 ? this.#ruleset(bridges, guarded) : []),
      ...(bridges.length > 0 ? this.#elements([...portElements(ports), ...linkElements(links)]) : []),
    ])
    await this.except(bridges)
  }

  /** Adds the exceptions that are missing in the chains of others. These must be all networks. */
  async except(networks: readonly KernelNetwork[]): Promise<void> {
    const bridges = networks.filter(isBridge).map(({ definition }) => definition.interface)
    this.#signature = await this.#exceptions.add(bridges)
  }

  /** Removes a network's rules, and all of them with the last network's. */
  async remove(network: KernelNetwork): Promise<void> {
    if (!isBridge(network)) return
    const bridge = network.definition.interface
    const arrivals = (await this.#chains()).filter(
      ({ table, name }) => table === this.table && name.startsWith(arrivalChain('')),
    )
    if (arrivals.length === 1 && arrivals[0]?.name === arrivalChain(bridge)) return this.clear()
    if (arrivals.some(({ name }) => name === arrivalChain(bridge)))
      await this.socket.commit(`rules of ${bridge}`, removeNetworkRules(this.table, rulesOf(network)))
    await this.#exceptions.remove([bridge])
    this.#signature = undefined
  }

  /** Removes the table and the exceptions. */
  async clear(): Promise<void> {
    await this.#tryEach([[deleteTable(this.table)]])
    await this.#exceptions.remove()
    this.#signature = undefined
  }

  /** Adds elements in place of what had their keys. */
  async put(sets: readonly ElementsOfSet[]): Promise<void> {
    if (!canDestroy()) await this.take(sets)
    await this.socket.commit('elements', replaceMessages(this.table, sets))
  }

  /** Removes elements; success for those that are gone. */
  async take(sets: readonly ElementsOfSet[]): Promise<void> {
    await this.#tryEach(removalTransactions(this.table, sets))
  }

  async #tryEach(transactions: readonly (readonly Message[])[]): Promise<void> {
    for (const messages of transactions) {
      const answers = await this.socket.exchange(transaction(messages))
      if (refusals(answers).some(({ errno }) => errno !== 'ENOENT')) checkObeyed('rules', answers)
    }
  }

  #ruleset(bridges: readonly KernelNetwork[], guarded: readonly Family[]): Message[] {
    return [
      ...createRuleset(this.table),
      ...guarded.flatMap((family) => addGuard(this.table, family)),
      ...bridges.flatMap((network) => addNetworkRules(this.table, rulesOf(network))),
    ]
  }

  #elements(sets: readonly ElementsOfSet[]): Message[] {
    return sets.flatMap(({ set, elements }) => addElements(this.table, set, elements))
  }

  async #chains(): Promise<ChainRecord[]> {
    return readChains(await this.socket.dump('chains', dumpChains()))
  }
}

function isBridge({ definition }: KernelNetwork): boolean {
  return definition.driver === 'bridge'
}

function rulesOf({ definition }: KernelNetwork): NetworkRules {
  const { interface: bridge, subnets, internal, icc, masquerade } = definition
  return { bridge, subnets: subnets.map(({ subnet }) => parseSubnet(subnet)), internal, icc, masquerade }
}
