import type { CopiedFiles } from '../engine/volume-files.js'
import type { ArchiveSource } from '../volume/archive.js'
import type { CopiedArchive } from '../volume/copy-out.js'
import type { PathStat } from '../volume/copy-place.js'

/** Options of {@link Container.copyTo} and {@link Container.copyFrom}. */
export interface ContainerCopyOptions {
  /** Copy what a symlink at the source's end leads to, not the symlink. Default false. */
  readonly followLink?: boolean | undefined
  /**
   * To a container: the files get its user, if it was given one; by default they keep their owners, by number. From a
   * container: they keep their owners, with setuid, setgid, capabilities and access control lists; by default they are the
   * calling user's. Default false.
   */
  readonly archive?: boolean | undefined
  /** Stops it; what was copied stays. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Container.archive}. */
export type ContainerArchiveOptions = Pick<ContainerCopyOptions, 'followLink' | 'signal'>

/** Options of {@link Container.extract}. */
export interface ContainerExtractOptions {
  /**
   * Refuse a file in the place of a directory, and a directory in that of a file, as `docker cp -` does; else what is in the
   * way is removed, a directory with all that is in it. Default true.
   */
  readonly noOverwriteDirNonDir?: boolean | undefined
  /** Take an archive that has no end-of-archive marker, as some that programs in Go make. Default false. */
  readonly toleratesMissingEnd?: boolean | undefined
  /** The files get the container's user, if it was given one. Default false: they have the archive's owners, by number. */
  readonly archive?: boolean | undefined
  /** Stops it; what was extracted stays. */
  readonly signal?: AbortSignal | undefined
}

/** How files come into a container and out of it. */
export interface ContainerCopies {
  copyTo(source: string, target: string, options: ContainerCopyOptions): Promise<CopiedFiles>
  copyFrom(source: string, target: string, options: ContainerCopyOptions): Promise<CopiedFiles>
  stat(path: string, options: ContainerArchiveOptions): Promise<PathStat>
  archive(path: string, options: ContainerArchiveOptions): Promise<CopiedArchive>
  extract(tar: ArchiveSource, path: string, options: ContainerExtractOptions): Promise<CopiedFiles>
}
