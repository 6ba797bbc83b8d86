import { rmSync } from 'node:fs'
import { native, withFileLock } from '../host/index.js'
import type { TarLimits } from '../layer/index.js'
import type { VolumeRecord, VolumeStore } from '../store/volumes.js'
import type { VolumeDriver } from './driver.js'
import type { DriverRegistry } from './drivers.js'
import { VolumeLayers } from './layers.js'
import { delayed, neverAborted } from './time-limit.js'
import { patienceMs, UnderWay } from './under-way.js'

export interface VolumeContextOptions {
  /** `root/volumes`; exists. */
  readonly directory: string
  /** Of locks: `runRoot/volumes`; exists. */
  readonly locks: string
  readonly store: VolumeStore
  readonly drivers: Pick<DriverRegistry, 'get' | 'known' | 'hasOthers' | 'find' | 'close'>
  /** Whether the kernel can lay an overlay over what a directory has. */
  readonly canOverlay: (directory: string) => boolean
  /** Bounds on what archives of others extract to. */
  readonly layerLimits?: TarLimits | undefined
  readonly closing: AbortSignal
}

/** What everything that is done with the volumes of a root works with. */
export class VolumeContext {
  readonly store: VolumeStore
  readonly directory: string
  readonly locks: string
  readonly drivers: VolumeContextOptions['drivers']
  readonly layers: VolumeLayers
  readonly layerLimits: TarLimits
  readonly closing: AbortSignal
  /** Ends what undoes something, which `closing` does not end at once. */
  readonly undoing: AbortSignal
  readonly underWay = new UnderWay()
  /** Nobody has looked yet at what happened while the root was closed. */
  isOpening = true

  constructor({ directory, locks, store, drivers, canOverlay, layerLimits = {}, closing }: VolumeContextOptions) {
    this.store = store
    this.directory = directory
    this.locks = locks
    this.drivers = drivers
    this.layers = new VolumeLayers({ directory, store, canOverlay })
    this.layerLimits = layerLimits
    this.closing = closing
    this.undoing = delayed(closing, patienceMs)
  }

  /** All that a volume has on the disk is in it, also what it is being filled with. */
  home(name: string): string {
    return `${this.directory}/${name}`
  }

  /** Where a plain volume's files are, and where the driver `local` mounts others. */
  path(name: string): string {
    return `${this.home(name)}/_data`
  }

  /** Runs `body` while nobody else makes, mounts, fills or removes the volume. */
  locked<Result>(
    name: string,
    body: () => Result | Promise<Result>,
    signal: AbortSignal = this.closing,
  ): Promise<Result> {
    const lock = this.#lock(name)
    const leaving = async () => {
      try {
        return await body()
      } finally {
        // Those who wait for it take the next one.
        if (!this.store.get(name)) rmSync(lock, { force: true })
      }
    }
    return withFileLock(lock, leaving, signal)
  }

  isLocked(name: string): boolean {
    return native().isLocked(this.#lock(name)) === true
  }

  driver(name: string, signal?: AbortSignal): Promise<VolumeDriver> {
    return this.drivers.get(name, signal)
  }

  /** Whether another driver than `local` has it. */
  isForeign(name: string): boolean {
    const volume = this.store.get(name)
    return volume !== undefined && volume.driver !== 'local'
  }

  #lock(name: string): string {
    return `${this.locks}/${name}`
  }
}

/** What `local` undoes is not given up. */
export function undoingOf({ driver }: VolumeRecord, signal: AbortSignal): AbortSignal {
  return driver === 'local' ? neverAborted : signal
}
