import type { Container } from '../container/container.js'
import type { ContainerContext } from '../container/context.js'
import { settle } from '../container/settle.js'
import { ConflictError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { type ConnectOptions, parseConnect } from '../spec/connect-options.js'
import type { NetworkRecord } from '../store/networks.js'
import type { Stages } from './assemble.js'
import { removeNetwork } from './network-creation.js'
import { inspectNetwork, type NetworkInspect } from './network-inspect.js'
import { isPredefined } from './predefined-networks.js'

/** What handles on networks work with. */
export interface NetworksContext {
  readonly stages: Pick<Stages, 'images' | 'networking' | 'owner'>
  readonly containers: ContainerContext
}

/** Options of {@link Network.disconnect}. */
export interface DisconnectOptions {
  /** Also a container that cannot be found any more. */
  readonly force?: boolean
  readonly signal?: AbortSignal
}

/**
 * A network: a handle on what the store knows under its id. Any number of handles, in any number of processes, may exist
 * of one network; none has a state of its own.
 *
 * @example
 * ```ts
 * const net = await engine.networks.create('net')
 * await net.connect(await engine.containers.get('web'), { alias: 'www' })
 * ```
 */
export class Network implements AsyncDisposable {
  readonly id: string
  readonly name: string
  readonly #context: NetworksContext
  readonly #isEphemeral: boolean

  /** @internal */
  constructor(context: NetworksContext, { id, name }: Pick<NetworkRecord, 'id' | 'name'>, isEphemeral = false) {
    this.#context = context
    this.#isEphemeral = isEphemeral
    this.id = id
    this.name = name
  }

  /**
   * Connects a container, as `docker network connect` does: one that runs has another interface at once, and is found by
   * its names; any other one comes to the network with its next start.
   *
   * @param container a handle, or a name, id or unique prefix of one
   * @throws {ConflictError} ALREADY_CONNECTED, ADDRESS_IN_USE, ADDRESSES_EXHAUSTED, NETWORK_PREDEFINED, NETWORK_FULL;
   *   {NotFoundError} NETWORK_NOT_FOUND, CONTAINER_NOT_FOUND; {InvalidOptionError} INVALID_OPTION. It is as before then.
   *
   * @example
   * ```ts
   * await net.connect('web', { ip: '10.5.0.9', alias: ['www', 'api'], link: 'db:database' })
   * ```
   */
  async connect(
    container: Container | string,
    { signal, ...options }: ConnectOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    this.#context.containers.closing.throwIfAborted()
    const settings = parseConnect(options)
    await reporting(`cannot connect to network ${this.name}`, async () => {
      const { connectContainer } = await import('./network-connect.js')
      await connectContainer(this.#context, this.#record(), idOf(container), settings, signal)
    })
  }

  /**
   * Takes a container off the network, as `docker network disconnect` does. What it publishes leads to it through its next
   * network.
   *
   * @param container a handle, or a name, id or unique prefix of one
   * @throws {ConflictError} NOT_CONNECTED, NETWORK_PREDEFINED; {NotFoundError} NETWORK_NOT_FOUND, CONTAINER_NOT_FOUND
   *
   * @example
   * ```ts
   * await net.disconnect('web')
   * ```
   */
  async disconnect(container: Container | string, { force = false, signal }: DisconnectOptions = {}): Promise<void> {
    this.#context.containers.closing.throwIfAborted()
    await reporting(`cannot disconnect from network ${this.name}`, async () => {
      const { disconnectContainer } = await import('./network-disconnect.js')
      await disconnectContainer(this.#context, this.#record(), idOf(container), { force, signal })
    })
  }

  /**
   * `docker network inspect`: what it is, and the running containers on it.
   *
   * @throws {NotFoundError} NETWORK_NOT_FOUND when it was removed
   *
   * @example
   * ```ts
   * const { IPAM, Containers } = await net.inspect()
   * ```
   */
  async inspect(): Promise<NetworkInspect> {
    this.#context.containers.closing.throwIfAborted()
    await reporting(`cannot inspect network ${this.name}`, () => settleUsers(this.#context, this.id))
    const record = this.#record()
    const { store } = this.#context.stages.networking
    return inspectNetwork(record, store.endpointsOn(record.id), isPredefined(record.name))
  }

  /**
   * Removes it. Containers that do not run may be on it: they cannot start before they are disconnected.
   *
   * @throws {ConflictError} NETWORK_IN_USE while running containers are on it, NETWORK_PREDEFINED; {NotFoundError}
   *   NETWORK_NOT_FOUND
   *
   * @example
   * ```ts
   * await net.remove()
   * ```
   */
  async remove({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#context.containers.closing.throwIfAborted()
    const { id, name } = this.#record()
    checkRemovable(name)
    await reporting(`cannot remove network ${name}`, async () => {
      await settleUsers(this.#context, id)
      await removeNetwork(this.#context.stages.networking, id, signal)
    })
  }

  /**
   * Takes everything off it, and removes it; nothing happens when it has gone.
   *
   * @throws {ConflictError} NETWORK_PREDEFINED
   *
   * @example
   * ```ts
   * await using net = await engine.networks.create('net')
   * ```
   */
  async close(): Promise<void> {
    const { closing } = this.#context.containers
    // It went with the engine.
    if (this.#isEphemeral && closing.aborted) return
    closing.throwIfAborted()
    checkRemovable(this.name)
    await reporting(`cannot remove network ${this.name}`, async () => {
      const { closeNetwork } = await import('./ephemeral-removal.js')
      await closeNetwork(this.#context, this.id)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #record(): NetworkRecord {
    return this.#context.stages.networking.store.find(this.id)
  }
}

function checkRemovable(name: string): void {
  if (isPredefined(name))
    throw new ConflictError(`${name} is a pre-defined network and cannot be removed`, {
      code: 'NETWORK_PREDEFINED',
      details: { network: name },
    })
}

const idOf = (container: Container | string) => (typeof container === 'string' ? container : container.id)

/** Records the ends of a network's containers that nobody has seen yet. */
export async function settleUsers({ stages, containers }: NetworksContext, network: string): Promise<void> {
  for (const { container, active } of stages.networking.store.endpointsOn(network)) {
    const record = active && containers.containers.get(container)
    if (record) await settle(containers, record)
  }
}
