import type { BindRecursion, Propagation } from './options.js'

/**
 * What is mounted at one place of a container, as it was decided when the container was made: the store keeps it, and
 * containers that take another's volumes copy it.
 */
export type MountPoint = VolumePoint | BindPoint | ImagePoint | TmpfsPoint

interface Point {
  /** Where in the container: absolute and clean. */
  readonly destination: string
  /** The words of `-v`'s third part, as inspect tells them. */
  readonly mode: string
  readonly readOnly: boolean
}

export interface VolumePoint extends Point {
  readonly type: 'volume'
  /** The volume's name. */
  readonly volume: string
  readonly driver: string
  /** It was made for the container without a name of its own: it goes with the container where volumes are to be removed. */
  readonly isAnonymous: boolean
  /** It is another container's, by `volumesFrom`. */
  readonly isTaken: boolean
  /** An empty volume is filled with what the image has at `destination`. */
  readonly isCopied: boolean
  /** A part of the volume, resolved inside of it; '' : all of it. */
  readonly subpath: string
}

export interface BindPoint extends Point {
  readonly type: 'bind'
  readonly source: string
  readonly propagation: Propagation
  readonly recursive: BindRecursion
  /** A missing host directory is made, as `-v` does. */
  readonly createSource: boolean
}

/** The files of an image, read-only. */
export interface ImagePoint extends Point {
  readonly type: 'image'
  /** The image's ID. */
  readonly image: string
  /** Its name as it was given. */
  readonly reference: string
  /** A part of it, resolved inside of it; '' : all of it. */
  readonly subpath: string
}

export interface TmpfsPoint extends Point {
  readonly type: 'tmpfs'
  readonly options: readonly string[]
  /** `--tmpfs` is no mount to inspect, `--mount type=tmpfs` is. */
  readonly syntax: 'tmpfs' | 'mount'
}
