import type { RunOptions } from '../spec/options.js'
import { optionsOf } from '../spec/options-of.js'
import type { ExcludedMount } from '../spec/snapshot-document.js'
import type { ContainerSnapshotRecord } from '../store/container-snapshots.js'

/** What {@link Snapshot.inspect} tells. */
export interface SnapshotInspect {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAt: Date
  readonly labels: Readonly<Record<string, string>>
  /** What it was taken of, which may be gone. */
  readonly container: { readonly id: string; readonly name: string }
  /** The name of the container's image, as it was given. */
  readonly image: string
  /** The container's; empty: its image's. */
  readonly command: readonly string[]
  /** What clones begin with. */
  readonly options: RunOptions
  /** Bytes of the files that the container had made or changed, beside its image's. */
  readonly sizeRootFs: number
  readonly volumes: readonly SnapshotVolumeInspect[]
  /** What is mounted in clones as it was in the original, and has none of its files: paths of the host, and tmpfs. */
  readonly excluded: readonly ExcludedMount[]
}

/** A volume in a snapshot. */
export interface SnapshotVolumeInspect {
  /** The original's. */
  readonly name: string
  /** Where it is mounted. */
  readonly destinations: readonly string[]
  /** Bytes of its files. */
  readonly size: number
  /** Whether clones share its files; else each gets a copy: where there is no overlayfs, or for files that it cannot keep as they are. */
  readonly isShared: boolean
}

export function inspectSnapshot(record: ContainerSnapshotRecord): SnapshotInspect {
  const { id, name, createdAtMs, rootfsSize, document, volumes } = record
  const { labels, container, image, config, networking, excluded, mounts } = document
  return {
    id,
    name,
    createdAt: new Date(createdAtMs),
    labels,
    container,
    image,
    command: config.command,
    options: { ...networking, ...optionsOf(config) },
    sizeRootFs: rootfsSize,
    volumes: document.volumes.map((volume, at) => ({
      name: volume,
      destinations: mounts.flatMap((point) => (point.volume === volume ? [point.destination] : [])),
      size: volumes[at]?.size ?? 0,
      isShared: volumes[at]?.isShared ?? false,
    })),
    excluded,
  }
}
