import { ConflictError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { type CreateNetworkOptions, normalizeNetwork } from '../network/network-options.js'
import type { NetworkRecord } from '../store/networks.js'
import { Network, type NetworksContext, settleUsers } from './network.js'
import { type NetworkBlueprint, NetworkBuilder } from './network-builder.js'
import { createNetwork, finishRemovals, removeNetwork } from './network-creation.js'
import { type NetworkFilters, networkFilter, type PruneNetworksFilters, pruneFilter } from './network-filters.js'
import { ipamOf, type NetworkIpam } from './network-inspect.js'
import type { Networking } from './networking.js'
import { isPredefined } from './predefined-networks.js'
import { isRemoved } from './prune.js'
import { coverNetwork } from './undo-plans.js'
import { wantedState } from './wanted-state.js'

/** A line of `docker network ls`. */
export interface NetworkSummary {
  readonly id: string
  readonly name: string
  readonly driver: string
  readonly scope: 'local'
  readonly internal: boolean
  readonly ipv6: boolean
  readonly attachable: boolean
  readonly createdAt: Date
  readonly labels: Readonly<Record<string, string>>
  /** The driver's, as they were given. */
  readonly options: Readonly<Record<string, string>>
  /** As {@link Network.inspect} tells it. */
  readonly ipam: NetworkIpam
}

/** Options of {@link Networks.list}. */
export interface ListNetworksOptions {
  readonly filters?: NetworkFilters
}

/** Options of {@link Networks.prune}. */
export interface PruneNetworksOptions {
  readonly filters?: PruneNetworksFilters
  readonly signal?: AbortSignal
}

/** The networks of a root. */
export class Networks {
  readonly #context: NetworksContext

  /** @internal */
  constructor(context: NetworksContext) {
    this.#context = context
  }

  /**
   * A network to be made, with `docker network create`'s options as methods or as an object. Made once it is awaited.
   *
   * @param name letters, digits, `_`, `.` and `-`; no other network's
   * @throws {ConflictError} NETWORK_EXISTS, SUBNET_OVERLAPS, ADDRESSES_EXHAUSTED, NETWORK_PREDEFINED; {InvalidOptionError}
   *   INVALID_OPTION, INVALID_NAME; {NotFoundError} NETWORK_DRIVER_NOT_FOUND. Nothing is left behind then.
   *
   * @example
   * ```ts
   * const net = await engine.networks.create('net')
   * const lan = await engine.networks.create('lan', { driver: 'macvlan', subnet: '192.168.7.0/24', option: { parent: 'eth0' } })
   * ```
   */
  create(name: string, options: CreateNetworkOptions & { readonly signal?: AbortSignal } = {}): NetworkBuilder {
    const { signal, ...rest } = options
    return new NetworkBuilder((blueprint) => this.#make(blueprint), { name, options: rest, signal })
  }

  /**
   * A network by name, id, or unique prefix of an id.
   *
   * @throws {NotFoundError} NETWORK_NOT_FOUND; {ConflictError} AMBIGUOUS_ID
   *
   * @example
   * ```ts
   * const { IPAM } = await (await engine.networks.get('bridge')).inspect()
   * ```
   */
  async get(nameOrId: string): Promise<Network> {
    this.#context.containers.closing.throwIfAborted()
    await this.#context.containers.abandoned.finish()
    if (nameOrId === 'bridge')
      await this.#act('cannot make the default network', () => this.#context.stages.networking.describeBridge())
    return this.#network(this.#context.stages.networking.store.find(nameOrId))
  }

  /**
   * The networks, by name.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a filter that is none
   *
   * @example
   * ```ts
   * const unused = await engine.networks.list({ filters: { dangling: true, label: 'stage=ci' } })
   * ```
   */
  async list({ filters = {} }: ListNetworksOptions = {}): Promise<readonly NetworkSummary[]> {
    this.#context.containers.closing.throwIfAborted()
    await this.#context.containers.abandoned.finish()
    const { networking } = this.#context.stages
    const fits = networkFilter(networking.store, filters)
    if (filters.dangling !== undefined) await this.#settleAll()
    await this.#act('cannot make the default network', () => bridgeIfPossible(networking))
    const records = networking.store.list().filter(fits)
    return records.map(summaryOf).sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  /**
   * Removes the networks that were created and that no running container is on.
   *
   * @returns their names
   * @throws {InvalidOptionError} INVALID_OPTION for a filter that is none
   *
   * @example
   * ```ts
   * await engine.networks.prune({ filters: { until: '24h' } })
   * ```
   */
  async prune({ filters = {}, signal }: PruneNetworksOptions = {}): Promise<readonly string[]> {
    this.#context.containers.closing.throwIfAborted()
    const { networking } = this.#context.stages
    const fits = pruneFilter(networking.store, filters)
    await this.#settleAll()
    const removed: string[] = []
    for (const { id, name } of networking.store.list().filter(fits))
      if (await this.#act(`cannot remove network ${name}`, () => isRemoved(removeNetwork(networking, id, signal))))
        removed.push(name)
    this.#context.containers.events.record({ type: 'network', action: 'prune', id: '', attributes: { reclaimed: '0' } })
    return removed
  }

  /**
   * Makes everything that the kernel has of this root's networks again: what was flushed or removed by others, such as a
   * reloaded firewall. Each start of a container does so by itself for what it needs.
   *
   * @example
   * ```ts
   * await engine.networks.reload()
   * ```
   */
  async reload({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#context.containers.closing.throwIfAborted()
    signal?.throwIfAborted()
    const { networking } = this.#context.stages
    await this.#act('cannot reload the networks', async () => {
      await finishRemovals(networking, signal)
      await networking.host.reload(() => wantedState(this.#context))
    })
  }

  async #make({ name, options, signal }: NetworkBlueprint): Promise<Network> {
    const { containers, stages } = this.#context
    containers.closing.throwIfAborted()
    signal?.throwIfAborted()
    const request = normalizeNetwork(name, options)
    const { owner } = stages
    const record = await this.#act(`cannot create network ${name}`, async () => {
      await containers.abandoned.finish()
      if (!options.ephemeral) return createNetwork(stages.networking, request, signal)
      return owner.making(() =>
        createNetwork(stages.networking, request, signal, (made) => {
          coverNetwork(stages, made)
          owner.own({ kind: 'network', id: made.id })
        }),
      )
    })
    return new Network(this.#context, record, options.ephemeral)
  }

  /** Containers whose end nobody has seen yet would keep their networks in use. */
  async #settleAll(): Promise<void> {
    const { networking } = this.#context.stages
    for (const { id } of networking.store.list()) await settleUsers(this.#context, id)
  }

  #act<Result>(what: string, body: () => Result | Promise<Result>): Promise<Result> {
    return reporting(what, async () => body())
  }

  #network(record: NetworkRecord): Network {
    return new Network(this.#context, record)
  }
}

/** Where no subnet is free for it, nobody can be on it. */
async function bridgeIfPossible({ describeBridge }: Networking): Promise<void> {
  await describeBridge().catch((error: unknown) => {
    if (!(error instanceof ConflictError)) throw error
  })
}

function summaryOf({ id, name, createdAtMs, definition }: NetworkRecord): NetworkSummary {
  const { driver, internal, ipv6, attachable, labels, options } = definition
  const ipam = ipamOf(definition, isPredefined(name))
  const createdAt = new Date(createdAtMs)
  return { id, name, driver, scope: 'local', internal, ipv6, attachable, createdAt, labels, options, ipam }
}
