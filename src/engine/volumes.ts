import type { InboardError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { isVolumeName } from '../spec/volume-name.js'
import type { VolumeRecord } from '../store/volumes.js'
import type { DriverVolume } from '../volume/driver.js'
import { noSuchVolume } from '../volume/volume-errors.js'
import { ownVolume } from './ownership.js'
import { isRemoved } from './prune.js'
import { either, settleUsers, Volume, type VolumesContext } from './volume.js'
import { type VolumeBlueprint, VolumeBuilder } from './volume-builder.js'
import { askDrivers } from './volume-drivers.js'
import { type PruneVolumesFilters, pruneFilter, type VolumeFilters, volumeFilter } from './volume-filters.js'
import { usageOf } from './volume-inspect.js'
import { type CreateVolumeOptions, volumeRequest } from './volume-request.js'

/** A line of `docker volume ls`. */
export interface VolumeSummary {
  readonly name: string
  readonly driver: string
  readonly scope: 'local' | 'global'
  /** Undefined: its driver does not tell. */
  readonly createdAt: Date | undefined
  readonly labels: Readonly<Record<string, string>>
  /** The driver's, as they were given: none of a volume that only its driver knows. */
  readonly options: Readonly<Record<string, string>>
  /** Where its files are on the host; `''`: its driver tells it only while the volume is mounted. */
  readonly mountpoint: string
}

/** The volumes that {@link Volumes.list} found, and why it may be that there are more. */
export interface VolumeList extends ReadonlyArray<VolumeSummary> {
  /** Docker's `Warnings`: a driver that failed; volumes that only it knows are not in the list. Not enumerable. */
  readonly warnings: readonly InboardError[]
}

/** Options of {@link Volumes.list}. */
export interface ListVolumesOptions {
  readonly filters?: VolumeFilters
  readonly signal?: AbortSignal
}

/** Options of {@link Volumes.prune}. */
export interface PruneVolumesOptions {
  /** Also those with names. Default false: only anonymous ones. */
  readonly all?: boolean
  readonly filters?: PruneVolumesFilters
  readonly signal?: AbortSignal
}

export interface PrunedVolumes {
  /** Names, in the order in which they went. */
  readonly deleted: readonly string[]
  /** Bytes of their files. */
  readonly spaceReclaimed: number
}

/** The volumes of a root. */
export class Volumes {
  readonly #context: VolumesContext

  /** @internal */
  constructor(context: VolumesContext) {
    this.#context = context
  }

  /**
   * A volume to be made, with `docker volume create`'s options as methods or as an object. Made once it is awaited; one that
   * is there already is given as it is.
   *
   * @param name two or more letters, digits, `_`, `.` and `-`, at most 255. Default: 64 hex digits, and the volume is anonymous
   * @throws {ConflictError} VOLUME_EXISTS when it is there with another driver; {NotFoundError} VOLUME_DRIVER_NOT_FOUND;
   *   {InvalidOptionError} INVALID_OPTION; {VolumeError} VOLUME_DRIVER_FAILED. Nothing is left behind then.
   *
   * @example
   * ```ts
   * const data = await engine.volumes.create('data', { labels: { stage: 'ci' } })
   * const scratch = await engine.volumes.create('scratch', { driverOptions: { type: 'tmpfs', device: 'tmpfs', o: 'size=100m' } })
   * const nameless = await engine.volumes.create()
   * ```
   */
  create(name?: string, options: CreateVolumeOptions & { readonly signal?: AbortSignal } = {}): VolumeBuilder {
    const { signal, ...rest } = options
    return new VolumeBuilder((blueprint) => this.#make(blueprint), { name, options: rest, signal })
  }

  /**
   * A volume by its name, also one that only its driver knows.
   *
   * @throws {NotFoundError} VOLUME_NOT_FOUND
   *
   * @example
   * ```ts
   * const { CreatedAt } = await (await engine.volumes.get('data')).inspect()
   * ```
   */
  async get(name: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Volume> {
    const stop = either(this.#context, signal)
    const { volumes } = this.#context.stages
    return reporting(`cannot look for volume ${name}`, async () => {
      await this.#context.containers.abandoned.finish()
      const state = volumes.store.get(name)?.state
      // What was cut short of its making or removal is finished; where its driver cannot, there is something to be removed.
      if (state && state !== 'ready') await volumes.recover(name, stop).catch(() => stop.throwIfAborted())
      const isThere = volumes.store.get(name) ?? (isVolumeName(name) && (await volumes.find(name, stop)))
      if (!isThere) throw noSuchVolume(name)
      return new Volume(this.#context, name)
    })
  }

  /**
   * The volumes, by name: those of the root, and what `volumeDrivers` and plugins have beside them. A driver that fails is
   * told of in `warnings`.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a filter that is none
   *
   * @example
   * ```ts
   * const unused = await engine.volumes.list({ filters: { dangling: true, label: 'stage=ci' } })
   * for (const { message } of unused.warnings) console.warn(message)
   * ```
   */
  async list({ filters = {}, signal }: ListVolumesOptions = {}): Promise<VolumeList> {
    const stop = either(this.#context, signal)
    const { volumes } = this.#context.stages
    const fits = volumeFilter(volumes.store, filters)
    return reporting('cannot list the volumes', async () => {
      await this.#context.containers.abandoned.finish()
      if (filters.dangling !== undefined) await this.#settleAll()
      const isWanted = (driver: string) => filters.driver === undefined || [filters.driver].flat().includes(driver)
      const { told, failures } = await askDrivers(volumes, isWanted, stop)
      const scopes = new Map(told.map(({ driver, scope }) => [driver, scope]))
      const all = new Map<string, VolumeSummary>()
      for (const { driver, scope, volumes } of told)
        for (const volume of volumes) all.set(volume.name, foreignSummary(driver, scope, volume))
      // What the store says comes before what drivers do.
      for (const record of volumes.store.list())
        if (record.state === 'ready') all.set(record.name, this.#summary(record, scopes.get(record.driver)))
        else all.delete(record.name)
      const summaries = [...all.values()].filter((volume) => isVolumeName(volume.name) && fits(volume))
      summaries.sort((one, other) => (one.name < other.name ? -1 : 1))
      return Object.defineProperty(summaries, 'warnings', { value: failures }) as unknown as VolumeList
    })
  }

  /**
   * Removes the volumes of driver `local`, without options, that no container refers to: anonymous ones, or all.
   *
   * @throws {InvalidOptionError} INVALID_OPTION for a filter that is none
   *
   * @example
   * ```ts
   * const { deleted, spaceReclaimed } = await engine.volumes.prune({ all: true, filters: { withoutLabel: 'keep' } })
   * ```
   */
  async prune({ all = false, filters = {}, signal }: PruneVolumesOptions = {}): Promise<PrunedVolumes> {
    const stop = either(this.#context, signal)
    const { volumes } = this.#context.stages
    const fits = pruneFilter(volumes.store, all, filters)
    return reporting('cannot prune the volumes', async () => {
      await this.#settleAll()
      const deleted: string[] = []
      let spaceReclaimed = 0
      for (const record of volumes.store.list().filter((volume) => volume.state === 'ready' && fits(volume))) {
        const { Size } = await usageOf(volumes, record)
        if (!(await isRemoved(volumes.remove(record.name, { signal: stop })))) continue
        deleted.push(record.name)
        spaceReclaimed += Size
      }
      const attributes = { reclaimed: String(spaceReclaimed) }
      this.#context.containers.events.record({ type: 'volume', action: 'prune', id: '', attributes })
      return { deleted, spaceReclaimed }
    })
  }

  async #make({ name, options, signal }: VolumeBlueprint): Promise<Volume> {
    const stop = either(this.#context, signal)
    const request = volumeRequest(name, options)
    const { volumes, owner } = this.#context.stages
    const onMade = options.ephemeral ? ownVolume(this.#context.stages, request.name) : () => {}
    const make = async () => {
      await this.#context.containers.abandoned.finish()
      await volumes.adoptKnown([request], stop)
      await volumes.having([request], onMade, stop)
      // Not after somebody has removed it: nothing would belong to what this makes.
      await volumes.locked(request.name, () => {
        const record = volumes.store.get(request.name)
        if (record?.state === 'ready') volumes.prepare(record)
      })
    }
    await reporting(`cannot create volume ${request.name}`, () => (options.ephemeral ? owner.making(make) : make()))
    return new Volume(this.#context, request.name, options.ephemeral)
  }

  #summary(record: VolumeRecord, scope: 'local' | 'global' = 'local'): VolumeSummary {
    const { name, driver, createdAtMs, labels, options } = record
    const mountpoint = this.#context.stages.volumes.mountpointOf({ volume: name, driver })
    return { name, driver, scope, createdAt: new Date(createdAtMs), labels, options, mountpoint }
  }

  /** Containers whose end nobody has seen yet may be no more. */
  async #settleAll(): Promise<void> {
    for (const { name } of this.#context.stages.volumes.store.list()) await settleUsers(this.#context, name)
  }
}

function foreignSummary(driver: string, scope: VolumeSummary['scope'], volume: DriverVolume): VolumeSummary {
  const { name, createdAt, mountpoint = '' } = volume
  return { name, driver, scope, createdAt, labels: {}, options: {}, mountpoint }
}
