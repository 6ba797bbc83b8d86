import { native } from '../host/index.js'
import type { ImageDirectory } from '../snapshot/index.js'
import type { VolumeRecord, VolumeStore } from '../store/volumes.js'
import { accessVolume, type OpenVolume, openVolume } from './access.js'
import { adoptKnown, adoptVolume, findVolume } from './adopt.js'
import { type CapturedVolume, type CaptureOptions, captureVolume, restoreLayer, settleCapture } from './capture.js'
import { type CloneRequest, cloneVolume } from './clone.js'
import type { Still } from './clone-by-copy.js'
import type { VolumeDriver } from './driver.js'
import type { FillSource } from './fill.js'
import { fillVolume, isVolumeReady, isVolumeToBeFilled } from './fill-volume.js'
import { havingVolumes, type Made } from './make.js'
import { mountForRun, unmountRuns } from './mount.js'
import { finishVolumeFill, prepareVolume, recoverFill } from './plain-volume.js'
import { type IsOver, reconcileVolumes } from './reconcile.js'
import { discardVolume, recoverVolume, removeVolume } from './remove.js'
import { VolumeContext, type VolumeContextOptions } from './volume-context.js'
import { isLocal, isPlain, type VolumeRequest } from './volume-record.js'

/**
 * Makes, mounts, fills and removes volumes: what the store says of them and what there is on the host are brought together
 * here, under one lock for each volume. Whatever is cut short is finished by whoever comes next.
 *
 * A *plain* volume is one of the driver `local` without options: a directory, `NAME/_data`, which is there always and needs
 * no mounting. All others are mounted by their drivers for each run of a container, those over layers too.
 */
export class VolumeKeeper {
  readonly store: VolumeStore
  readonly #context: VolumeContext

  constructor(options: VolumeContextOptions) {
    this.store = options.store
    this.#context = new VolumeContext(options)
  }

  /** Where a plain volume's files are, and where the driver `local` mounts others. */
  path(name: string): string {
    return this.#context.path(name)
  }

  /** Where the files of a container's volume are; '' when only its driver can tell, and they are not mounted. */
  mountpointOf({ volume, driver }: { readonly volume: string; readonly driver: string }): string {
    if (driver === 'local') return this.path(volume)
    return this.store.mountsOf(volume).find(({ path }) => path !== undefined)?.path ?? ''
  }

  /** Bytes of a volume's files, of one over layers of what it shares with no other; undefined when they are not in this root. */
  async size(volume: VolumeRecord): Promise<number | undefined> {
    if (!isLocal(volume)) return undefined
    return isPlain(volume) ? native().treeSize(this.path(volume.name)) : this.#context.layers.ownSize(volume)
  }

  /** Runs `body` while nobody else makes, mounts, fills or removes the volume. */
  locked<Result>(name: string, body: () => Result | Promise<Result>): Promise<Result> {
    return this.#context.locked(name, body)
  }

  driver(name: string): Promise<VolumeDriver> {
    return this.#context.driver(name)
  }

  /** The names of all drivers there are. */
  knownDrivers(): Promise<string[]> {
    return this.#context.drivers.known()
  }

  /**
   * Runs `insert` in a transaction at whose end all the volumes are there: those that are not yet are made. When it fails,
   * what was made for it is removed.
   *
   * @returns what `insert` does, and the names of the volumes that were made
   * @throws {ConflictError} VOLUME_EXISTS when one has another driver than it should; {VolumeError}; {NotFoundError} VOLUME_DRIVER_NOT_FOUND
   */
  having<Result>(
    requests: readonly VolumeRequest[],
    insert: (there: ReadonlyMap<string, VolumeRecord>) => Result,
    signal: AbortSignal = this.#context.closing,
  ): Promise<Made<Result>> {
    return havingVolumes(this.#context, requests, insert, signal)
  }

  /** A volume that the store does not know, of the first driver that does, as if it had been made through the engine. */
  find(name: string, signal: AbortSignal = this.#context.closing): Promise<VolumeRecord | undefined> {
    return findVolume(this.#context, name, signal)
  }

  /** Records a volume that only its driver knows. */
  adopt(volume: VolumeRecord, signal: AbortSignal = this.#context.closing): Promise<void> {
    return adoptVolume(this.#context, volume, signal)
  }

  /** Records those of the volumes, asked for without a driver, that only a driver knows. Returns whether there are any. */
  adoptKnown(requests: readonly VolumeRequest[], signal: AbortSignal = this.#context.closing): Promise<boolean> {
    return adoptKnown(this.#context, requests, signal)
  }

  /** Makes what a plain volume needs on the disk; harmless when it is there. */
  prepare(volume: VolumeRecord): void {
    prepareVolume(this.#context, volume)
  }

  /**
   * Whether {@link prepare} and {@link fill} would do nothing.
   *
   * @param source undefined: it is not to be filled
   */
  isReady(volume: VolumeRecord, source: ImageDirectory | undefined): boolean {
    return isVolumeReady(this.#context, volume, source)
  }

  /** Whether a fill would do something, as far as one can tell without mounting the volume. */
  isToBeFilled(volume: VolumeRecord, source?: ImageDirectory): boolean {
    return isVolumeToBeFilled(this.#context, volume, source)
  }

  /** Fills a volume, when it is empty, with what an image has. */
  fill(volume: VolumeRecord, source: FillSource, signal: AbortSignal = this.#context.closing): Promise<void> {
    return fillVolume(this.#context, volume.name, source, signal)
  }

  /** Finishes what somebody has begun to fill a volume with, also where the caller would not: nobody is to see a part of it. */
  finishFill(volume: VolumeRecord, signal: AbortSignal = this.#context.closing): Promise<void> {
    return finishVolumeFill(this.#context, volume.name, signal)
  }

  /** Finishes, or undoes, what somebody was filling a plain volume with when he was killed. */
  recoverFill(name: string): Promise<void> {
    return recoverFill(this.#context, name, this.#context.closing)
  }

  /**
   * The path of a volume's files, which is mounted until `end` is called: once, whatever happens. Meanwhile nobody removes
   * the volume.
   *
   * @throws {NotFoundError} VOLUME_NOT_FOUND; {VolumeError} when its driver cannot
   */
  open(volume: VolumeRecord, signal: AbortSignal): Promise<OpenVolume> {
    return openVolume(this.#context, volume.name, signal)
  }

  /** Runs `body` with the path of a volume's files, as {@link open} gives it. */
  access<Result>(
    volume: VolumeRecord,
    body: (path: string) => Result | Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    return accessVolume(this.#context, volume.name, body, signal)
  }

  /**
   * Makes a volume of its own that has all that another has.
   *
   * @throws {ConflictError} VOLUME_EXISTS; {NotFoundError} VOLUME_NOT_FOUND; {VolumeError}; {SyscallError}
   */
  clone(source: VolumeRecord, clone: CloneRequest, still: Still, signal: AbortSignal): Promise<void> {
    return cloneVolume(this.#context, source, clone, still, signal)
  }

  /**
   * Copies a volume's files for a snapshot, while those who use it stand still.
   *
   * @param layer where they go: recorded already
   * @throws {NotFoundError} VOLUME_NOT_FOUND; {VolumeError}; {SyscallError}
   */
  capture(name: string, layer: string, options: CaptureOptions): Promise<void> {
    return captureVolume(this.#context, name, layer, options)
  }

  /** Looks at what {@link capture} has copied, which nobody has to stand still for. */
  settleCapture(layers: readonly string[], signal: AbortSignal): Promise<CapturedVolume> {
    return settleCapture(this.#context, layers, signal)
  }

  /** Makes a layer, which is recorded already, of a volume's tar. @throws {LayerError}; {SyscallError} */
  restoreLayer(layer: string, tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    return restoreLayer(this.#context, layer, tar, signal)
  }

  /** Where layers are, by their ids. */
  get layersDirectory(): string {
    return this.#context.layers.directory
  }

  /** Removes the layers that nothing refers to any more, of these. */
  dropLayers(layers: readonly string[]): Promise<void> {
    return this.#context.layers.drop(layers)
  }

  /**
   * Mounts what a run of a container needs mounted.
   *
   * @returns paths by name; plain volumes are not among them
   */
  acquire(container: string, attempt: number): Promise<ReadonlyMap<string, string>> {
    return mountForRun(this.#context, { container, attempt }, this.#context.closing)
  }

  /**
   * Unmounts what was mounted for runs of a container that are over. No driver but `local` keeps a container from being
   * over: what one cannot unmount, or not in time, is unmounted with the next of its runs, or when the root is opened again.
   */
  release(container: string): Promise<void> {
    return unmountRuns(this.#context, container)
  }

  /**
   * Removes a volume with its data.
   *
   * @param force also one whose driver is no more
   * @throws {ConflictError} VOLUME_IN_USE; {NotFoundError} VOLUME_NOT_FOUND; {VolumeError} when its driver cannot
   */
  remove(
    name: string,
    { force = false, signal = this.#context.closing }: { readonly force?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    return removeVolume(this.#context, name, { force, signal })
  }

  /** Finishes the removal of a volume; where its driver cannot, or not in time, the next one who comes across it does. */
  discard(name: string): Promise<void> {
    return discardVolume(this.#context, name)
  }

  /**
   * Finishes or undoes what was cut short of a volume's making or removal.
   *
   * @returns false when somebody still reads or writes its files without a container: who does so last finishes it
   */
  recover(name: string, signal: AbortSignal): Promise<boolean> {
    return recoverVolume(this.#context, name, signal)
  }

  /**
   * Brings volumes up to what has happened while nobody looked.
   *
   * @param isOver whether a run of a container is over; what is mounted for it is unmounted then
   */
  reconcile(isOver: IsOver): Promise<void> {
    return reconcileVolumes(this.#context, isOver)
  }

  /** Waits until nobody of this process reads or writes a volume's files without a container, and lets go of the drivers. */
  async close(): Promise<void> {
    await this.#context.underWay.ended()
    this.#context.drivers.close()
  }
}
