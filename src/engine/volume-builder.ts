import type { Volume } from './volume.js'
import type { CreateVolumeOptions } from './volume-request.js'

/** A volume that is to be made: its name and options, as they were given. */
export interface VolumeBlueprint {
  /** Undefined: an anonymous one. */
  readonly name: string | undefined
  readonly options: CreateVolumeOptions
  readonly signal: AbortSignal | undefined
}

/**
 * A volume to be made, with `docker volume create`'s options as methods; each gives a new builder. Awaiting it makes the
 * volume, once.
 *
 * @example
 * ```ts
 * const scratch = await engine.volumes.create('scratch').opt({ type: 'tmpfs', device: 'tmpfs', o: 'size=100m' }).label({ stage: 'ci' })
 * ```
 */
export class VolumeBuilder implements PromiseLike<Volume> {
  readonly #make: (blueprint: VolumeBlueprint) => Promise<Volume>
  readonly #blueprint: VolumeBlueprint
  #made: Promise<Volume> | undefined

  /** @internal */
  constructor(make: (blueprint: VolumeBlueprint) => Promise<Volume>, blueprint: VolumeBlueprint) {
    this.#make = make
    this.#blueprint = Object.freeze({ ...blueprint, options: Object.freeze({ ...blueprint.options }) })
  }

  /** `'local'`, one of the engine's `volumeDrivers`, or a plugin. Default: that of the volume when it exists, else `'local'`. */
  driver(driver: string): VolumeBuilder {
    return this.#with({ driver })
  }

  /** The driver's options, by its names: `{ type: 'tmpfs', device: 'tmpfs', o: 'size=100m' }` with `local`. */
  driverOption(options: Readonly<Record<string, string>>): VolumeBuilder {
    return this.#with({ driverOptions: { ...this.#blueprint.options.driverOptions, ...options } })
  }

  /** `driverOption`, as `docker volume create` has it. */
  opt(options: Readonly<Record<string, string>>): VolumeBuilder {
    return this.driverOption(options)
  }

  label(labels: Readonly<Record<string, string>>): VolumeBuilder {
    return this.#with({ labels: { ...this.#blueprint.options.labels, ...labels } })
  }

  /**
   * Has it removed with this process, however that ends, `kill -9` included, and by `engine.close()`. When a container that does
   * not end with this process refers to it, it stays, as a volume like others.
   *
   * @example
   * ```ts
   * const data = await engine.volumes.create('test-data').ephemeral()
   * ```
   */
  ephemeral(ephemeral = true): VolumeBuilder {
    return this.#with({ ephemeral })
  }

  /** Stops the making when it fires; nothing is left of it then. */
  signal(signal: AbortSignal): VolumeBuilder {
    return new VolumeBuilder(this.#make, { ...this.#blueprint, signal })
  }

  /** @internal A builder whose making goes through a function. */
  through(through: (make: () => Promise<Volume>) => Promise<Volume>): VolumeBuilder {
    return new VolumeBuilder((blueprint) => through(() => this.#make(blueprint)), this.#blueprint)
  }

  /** The name and the options as data. */
  toRequest(): VolumeBlueprint {
    return this.#blueprint
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting the builder makes the volume, by design
  then<A = Volume, B = never>(
    onFulfilled?: ((value: Volume) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#made ??= this.#make(this.#blueprint)
    return this.#made.then(onFulfilled, onRejected)
  }

  #with(options: CreateVolumeOptions): VolumeBuilder {
    return new VolumeBuilder(this.#make, { ...this.#blueprint, options: { ...this.#blueprint.options, ...options } })
  }
}
