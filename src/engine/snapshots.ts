import type { Readable } from 'node:stream'
import { reporting } from '../errors/system.js'
import type { ImageProgress } from '../image/index.js'
import { checkContainerName } from '../spec/names.js'
import type { ContainerSnapshotRecord } from '../store/container-snapshots.js'
import { Operation } from './operation.js'
import { Snapshot, type SnapshotsContext } from './snapshot.js'
import { findSnapshot } from './snapshot-records.js'

/** A line of {@link Snapshots.list}. */
export interface SnapshotSummary {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAt: Date
  readonly labels: Readonly<Record<string, string>>
  /** What it was taken of, which may be gone. */
  readonly container: { readonly id: string; readonly name: string }
  /** The name of the container's image, as it was given. */
  readonly image: string
  /** Bytes of its files, its image's left out. */
  readonly size: number
}

/** The snapshots of containers of a root. {@link Container.snapshot} makes them. */
export class Snapshots {
  readonly #context: SnapshotsContext

  /** @internal */
  constructor(context: SnapshotsContext) {
    this.#context = context
  }

  /**
   * The snapshots, newest first.
   *
   * @example
   * ```ts
   * for (const { id } of await engine.snapshots.list()) await (await engine.snapshots.get(id)).remove()
   * ```
   */
  async list(): Promise<readonly SnapshotSummary[]> {
    this.#context.containers.closing.throwIfAborted()
    const records = this.#context.stages.containerSnapshots.list()
    return records.filter(({ isMade }) => isMade).map(summaryOf)
  }

  /**
   * A snapshot that is there.
   *
   * @param nameOrId its name, its id, or a unique prefix of that
   * @throws {NotFoundError} SNAPSHOT_NOT_FOUND; {ConflictError} AMBIGUOUS_ID
   *
   * @example
   * ```ts
   * const clone = await (await engine.snapshots.get('migrated')).run()
   * ```
   */
  async get(nameOrId: string): Promise<Snapshot> {
    this.#context.containers.closing.throwIfAborted()
    return new Snapshot(this.#context, findSnapshot(this.#context.stages.containerSnapshots, nameOrId))
  }

  /**
   * Makes a snapshot of what {@link Snapshot.save} has written, of this root or any other. Begins when it is awaited, for the
   * snapshot, or iterated, for the bytes that were read.
   *
   * Nothing in the archive is believed that can be checked. But clones get the options that it has, be they mounts of the host or
   * `privileged`: look at those of a stranger's (`inspect().options`) before you run it.
   *
   * @param source a path, or the bytes of the tar
   * @throws {InvalidOptionError} INVALID_ARCHIVE; {ConflictError} SNAPSHOT_EXISTS for a name that was asked for;
   *   {DigestMismatchError}; {LayerError}; {NotFoundError} FILE_NOT_FOUND. Nothing is left behind then.
   *
   * @example
   * ```ts
   * const snapshot = await engine.snapshots.load('migrated.tar')
   * const db = await snapshot.run()
   * ```
   */
  load(
    source: string | Readable | AsyncIterable<Uint8Array>,
    { name, maxBytes, signal: given }: LoadSnapshotOptions = {},
  ): Operation<ImageProgress, Snapshot> {
    const { stages, containers } = this.#context
    return new Operation(
      (onProgress, signal) =>
        reporting('cannot load the snapshot', async () => {
          if (name !== undefined) checkContainerName(name)
          const { loadSnapshot } = await import('./snapshot-files.js')
          const request = { name, maxBytes, signal, onProgress }
          return new Snapshot(this.#context, await loadSnapshot(stages, source, request))
        }),
      [containers.closing, given],
    )
  }
}

/** Options of {@link Snapshots.load}. */
export interface LoadSnapshotOptions {
  /** Default: the one that it was saved with; where a snapshot has that here, its container's with a suffix. */
  readonly name?: string
  /** The most bytes that the archive may have; any number by default. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

function summaryOf({ id, name, createdAtMs, rootfsSize, volumes, document }: ContainerSnapshotRecord): SnapshotSummary {
  const { labels, container, image } = document
  const size = volumes.reduce((sum, volume) => sum + volume.size, rootfsSize)
  return { id, name, createdAt: new Date(createdAtMs), labels, container, image, size }
}
