/** A container's root filesystem, as data: who mounts it is no business of the snapshots. */
export type Rootfs = OverlayRootfs | DirectoryRootfs

export interface OverlayRootfs {
  readonly kind: 'overlay'
  /** Where `lowerdirs` are relative to. */
  readonly directory: string
  /** Top first. */
  readonly lowerdirs: readonly string[]
  readonly upper: string
  readonly work: string
  /** Where it is mounted, inside the container's mount namespace. */
  readonly target: string
  /** The writable layer need not survive a crash of the machine. */
  readonly volatile: boolean
}

/** A whole copy of the image's files (driver vfs). */
export interface DirectoryRootfs {
  readonly kind: 'directory'
  readonly path: string
}

/** An image's files as they are, for mounts inside containers: never to be written to. */
export type ReadOnlyRoot = ReadOnlyOverlay | DirectoryRootfs

export interface ReadOnlyOverlay {
  readonly kind: 'overlay'
  /** Where `lowerdirs` are relative to. */
  readonly directory: string
  /** Top first; none of an image without layers. */
  readonly lowerdirs: readonly string[]
}
