import type { ContainerContext } from '../container/context.js'
import type { RunActions } from '../container/run-builder.js'
import { RunBuilder } from '../container/run-builder.js'
import { reporting } from '../errors/system.js'
import type { ImageProgress, SavedArchive, SaveTarget } from '../image/index.js'
import type { RunOptions } from '../spec/options.js'
import type { ContainerSnapshotRecord } from '../store/container-snapshots.js'
import type { Stages } from './assemble.js'
import { Operation } from './operation.js'
import { cloneRequest } from './snapshot-clones.js'
import { inspectSnapshot, type SnapshotInspect } from './snapshot-inspect.js'
import { findSnapshot, removeSnapshot } from './snapshot-records.js'

/** What handles on snapshots work with. */
export interface SnapshotsContext {
  readonly stages: Stages
  readonly containers: ContainerContext
  readonly actions: RunActions
}

/**
 * A container's files and those of its volumes as they were at one moment, with its configuration: what any number of containers
 * can begin with. A handle on what the store knows under its id; any number of handles, in any number of processes, may exist of one.
 *
 * Not in it: what is on paths of the host, in a tmpfs, or only in the memory of its programs. A database begins as after a crash,
 * with all that it had acknowledged as durable. PostgreSQL syncs each of its files then, unless `recovery_init_sync_method` is
 * `syncfs`, and a clone's become its own by that: with it a clone begins at once, and shares what it does not write to.
 *
 * @example
 * ```ts
 * const db = await engine.run('postgres:15').env({ POSTGRES_PASSWORD: 'x' })
 * await migrate(db)
 * await using snapshot = await db.snapshot()
 * const [one, other] = await Promise.all([snapshot.run(), snapshot.run()])
 * ```
 */
export class Snapshot implements AsyncDisposable {
  readonly id: string
  readonly name: string
  readonly createdAt: Date
  readonly #context: SnapshotsContext
  readonly #record: ContainerSnapshotRecord

  /** @internal */
  constructor(context: SnapshotsContext, record: ContainerSnapshotRecord) {
    this.#context = context
    this.#record = record
    this.id = record.id
    this.name = record.name
    this.createdAt = new Date(record.createdAtMs)
  }

  /**
   * A container like the one that the snapshot was taken of: a builder that has its configuration already. It has a name, a
   * hostname and addresses of its own, on the same networks by the same aliases; ports that the original publishes lead from free
   * ones of the host. Its volumes begin with the snapshot's files, which they share as long as they are not changed, and go with
   * it. Paths of the host are the same ones. Of one that is `ephemeral()` or `rm()` nothing is synced to the disk, which makes
   * databases a good deal faster. A clone of one that is ephemeral is so itself, unless `options` say otherwise.
   *
   * @param command replaces the original's
   * @param options further ones: of lists they are added, the rest is replaced
   * @throws {NotFoundError} SNAPSHOT_NOT_FOUND, when the builder is awaited and the snapshot was removed; NETWORK_NOT_FOUND
   *
   * @example
   * ```ts
   * const clone = await snapshot.run().name('db-2').env({ LOG: 'debug' })
   * ```
   */
  run(command?: readonly string[], options: RunOptions & { readonly signal?: AbortSignal } = {}): RunBuilder {
    return new RunBuilder(this.#context.actions, cloneRequest(this.#record, command, options))
  }

  /**
   * What it is of, what is in it, and how much that is.
   *
   * @throws {NotFoundError} SNAPSHOT_NOT_FOUND when it was removed
   *
   * @example
   * ```ts
   * const { sizeRootFs, volumes, excluded } = await snapshot.inspect()
   * ```
   */
  async inspect(): Promise<SnapshotInspect> {
    this.#context.containers.closing.throwIfAborted()
    return inspectSnapshot(findSnapshot(this.#context.stages.containerSnapshots, this.id))
  }

  /**
   * Removes it. Clones stay, and what they share with each other stays with them.
   *
   * @throws {NotFoundError} SNAPSHOT_NOT_FOUND when it was removed
   */
  async remove({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { stages, containers } = this.#context
    signal?.throwIfAborted()
    containers.closing.throwIfAborted()
    const stop = signal ? AbortSignal.any([containers.closing, signal]) : containers.closing
    await reporting(`cannot remove snapshot ${this.name}`, () => removeSnapshot(stages, this.id, stop))
  }

  /**
   * Writes it to an archive: a tar of `snapshot.json`, the tars of its volumes, and its image as `docker save` has it, the latter
   * two in pieces. {@link Snapshots.load} makes the snapshot of it again, in whatever root. Begins when it is awaited or iterated.
   *
   * @param target the path of a file, which appears when it is whole; or a stream, written at its pace and then ended
   * @returns how many bytes that were
   * @throws {NotFoundError} SNAPSHOT_NOT_FOUND when it was removed; {InvalidOptionError} INVALID_OPTION; {SyscallError}
   *
   * @example
   * ```ts
   * await snapshot.save('migrated.tar')
   * for await (const event of snapshot.save(process.stdout)) if (event.kind === 'bytes') console.error(event.current)
   * ```
   */
  save(
    target: SaveTarget,
    { signal: given }: { readonly signal?: AbortSignal } = {},
  ): Operation<ImageProgress, SavedArchive> {
    const { stages, containers } = this.#context
    return new Operation(
      (onProgress, signal) =>
        reporting(`cannot save snapshot ${this.name}`, async () => {
          const { saveSnapshot } = await import('./snapshot-files.js')
          return saveSnapshot(stages, this.#record, target, { signal, onProgress })
        }),
      [containers.closing, given],
    )
  }

  /** Removes it, if it is there still. */
  async close(): Promise<void> {
    try {
      await this.remove()
    } catch (error) {
      if ((error as { code?: string }).code !== 'SNAPSHOT_NOT_FOUND') throw error
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
