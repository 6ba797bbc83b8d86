import type { CreateNetworkOptions } from '../network/network-options.js'
import type { Network } from './network.js'

/** A network that is to be made: its name and options, as they were given. */
export interface NetworkBlueprint {
  readonly name: string
  readonly options: CreateNetworkOptions
  readonly signal: AbortSignal | undefined
}

/**
 * A network to be made, with `docker network create`'s options as methods; each gives a new builder. Awaiting it makes the
 * network, once.
 *
 * @example
 * ```ts
 * const net = await engine.networks.create('net').subnet('10.5.0.0/16').gateway('10.5.0.254').internal()
 * ```
 */
export class NetworkBuilder implements PromiseLike<Network> {
  readonly #make: (blueprint: NetworkBlueprint) => Promise<Network>
  readonly #blueprint: NetworkBlueprint
  #made: Promise<Network> | undefined

  /** @internal */
  constructor(make: (blueprint: NetworkBlueprint) => Promise<Network>, blueprint: NetworkBlueprint) {
    this.#make = make
    this.#blueprint = Object.freeze({ ...blueprint, options: Object.freeze({ ...blueprint.options }) })
  }

  /** `'bridge'` (default): containers on this host. `'macvlan'`, `'ipvlan'`: on the network of the host's interface `parent`. */
  driver(driver: string): NetworkBuilder {
    return this.#with({ driver })
  }

  /** CIDR notation; of each family one with `bridge`. Default: the first of the engine's address pools that is free. */
  subnet(...subnets: readonly string[]): NetworkBuilder {
    return this.#add('subnet', subnets)
  }

  /** An address of one of the subnets. Default: the first of its range. */
  gateway(...gateways: readonly string[]): NetworkBuilder {
    return this.#add('gateway', gateways)
  }

  /** The part of a subnet, in CIDR notation, that containers get addresses of. Default: all of it. */
  ipRange(...ranges: readonly string[]): NetworkBuilder {
    return this.#add('ipRange', ranges)
  }

  /** Addresses of other things on the network, by name: no container gets them. */
  auxAddress(addresses: Readonly<Record<string, string>>): NetworkBuilder {
    return this.#merge('auxAddress', addresses)
  }

  /** Containers get an IPv6 address as well. */
  ipv6(ipv6 = true): NetworkBuilder {
    return this.#with({ ipv6 })
  }

  /** Nothing outside can be reached, and nothing is published. */
  internal(internal = true): NetworkBuilder {
    return this.#with({ internal })
  }

  attachable(attachable = true): NetworkBuilder {
    return this.#with({ attachable })
  }

  label(labels: Readonly<Record<string, string>>): NetworkBuilder {
    return this.#merge('label', labels)
  }

  /** The driver's options, by Docker's names: `{ 'com.docker.network.driver.mtu': '1400' }`, `{ parent: 'eth0' }`. */
  option(options: Readonly<Record<string, string>>): NetworkBuilder {
    return this.#merge('option', options)
  }

  /** `option`, as `docker network create` has it. */
  opt(options: Readonly<Record<string, string>>): NetworkBuilder {
    return this.option(options)
  }

  /** `'default'`, or `'null'`: no addresses at all. */
  ipamDriver(ipamDriver: string): NetworkBuilder {
    return this.#with({ ipamDriver })
  }

  ipamOption(options: Readonly<Record<string, string>>): NetworkBuilder {
    return this.#merge('ipamOption', options)
  }

  /**
   * Has it removed with this process, however that ends, `kill -9` included, and by `engine.close()`. Containers that are on it
   * then, and are not ephemeral, go on without it.
   *
   * @example
   * ```ts
   * const net = await engine.networks.create('test-net').ephemeral()
   * ```
   */
  ephemeral(ephemeral = true): NetworkBuilder {
    return this.#with({ ephemeral })
  }

  /** Stops the making when it fires; nothing is left of it then. */
  signal(signal: AbortSignal): NetworkBuilder {
    return new NetworkBuilder(this.#make, { ...this.#blueprint, signal })
  }

  /** @internal A builder whose making goes through a function. */
  through(through: (make: () => Promise<Network>) => Promise<Network>): NetworkBuilder {
    return new NetworkBuilder((blueprint) => through(() => this.#make(blueprint)), this.#blueprint)
  }

  /** The name and the options as data. */
  toRequest(): NetworkBlueprint {
    return this.#blueprint
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting the builder makes the network, by design
  then<A = Network, B = never>(
    onFulfilled?: ((value: Network) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#made ??= this.#make(this.#blueprint)
    return this.#made.then(onFulfilled, onRejected)
  }

  #with(options: CreateNetworkOptions): NetworkBuilder {
    return new NetworkBuilder(this.#make, { ...this.#blueprint, options: { ...this.#blueprint.options, ...options } })
  }

  #add(option: 'subnet' | 'gateway' | 'ipRange', values: readonly string[]): NetworkBuilder {
    return this.#with({ [option]: [...[this.#blueprint.options[option] ?? []].flat(), ...values] })
  }

  #merge(option: 'auxAddress' | 'label' | 'option' | 'ipamOption', values: Readonly<Record<string, string>>) {
    return this.#with({ [option]: { ...this.#blueprint.options[option], ...values } })
  }
}
