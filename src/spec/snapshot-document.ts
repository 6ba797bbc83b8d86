import type { VolumePoint } from './mount-point.js'
import type { ContainerConfig, RunOptions } from './options.js'

/** What a snapshot tells of its container: everything that clones begin with, but for files. Plain data. */
export interface SnapshotDocument {
  readonly container: { readonly id: string; readonly name: string }
  /** The name of the container's image, as it was given. */
  readonly image: string
  /** Of the snapshot. */
  readonly labels: Readonly<Record<string, string>>
  /** As it was recorded, with the limits that it had. */
  readonly config: ContainerConfig
  /** The networks that it was on, with its names there. */
  readonly networking: SnapshotNetworking
  /** Where its volumes were mounted, by their names. */
  readonly mounts: readonly VolumePoint[]
  /** The names of its volumes, each once. */
  readonly volumes: readonly string[]
  /** What it had mounted that the snapshot has nothing of: paths of the host, and what was in memory only. */
  readonly excluded: readonly ExcludedMount[]
}

export type SnapshotNetworking = Pick<RunOptions, 'network' | 'networks' | 'networkAlias' | 'link'>

/** A mount whose files are not in a snapshot. Clones have it again: the same path of the host, or an empty one in memory. */
export interface ExcludedMount {
  readonly type: 'bind' | 'tmpfs'
  readonly destination: string
}

/** What a container is a clone of, as its request carries it. */
export interface SnapshotOrigin {
  /** The snapshot's. */
  readonly id: string
  /** Whose files it begins with. */
  readonly image: string
  /** Where nothing else is asked for. */
  readonly networking: SnapshotNetworking
  /** The volumes of the snapshot, and where they go. */
  readonly mounts: readonly VolumePoint[]
  readonly volumes: readonly string[]
}
