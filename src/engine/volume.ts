import type { Readable } from 'node:stream'
import type { ContainerContext } from '../container/context.js'
import { settle } from '../container/settle.js'
import { NotFoundError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import type { VolumeRecord } from '../store/volumes.js'
import type { ArchiveSource, ExportTreeOptions, ImportTreeOptions } from '../volume/archive.js'
import type { CopyInOptions } from '../volume/copy-in.js'
import type { CopyOutOptions } from '../volume/copy-out.js'
import { noSuchVolume } from '../volume/volume-errors.js'
import type { Stages } from './assemble.js'
import { type CloneVolumeOptions, makeClone, type SnapshotVolumeOptions, snapshotName } from './volume-clones.js'
import {
  type CopiedFiles,
  copyFromVolume,
  copyToVolume,
  exportVolume,
  importVolume,
  type VolumeFiles,
} from './volume-files.js'
import { inspectVolume, type VolumeInspect } from './volume-inspect.js'

/** What handles on volumes work with. */
export interface VolumesContext {
  readonly stages: Pick<Stages, 'paths' | 'volumes' | 'ephemeral' | 'owner'>
  readonly containers: ContainerContext
}

/** Options of {@link Volume.inspect}. */
export interface InspectVolumeOptions {
  /** Also how much it is, for which its files are looked at. Default false. */
  readonly size?: boolean
  readonly signal?: AbortSignal
}

/** Options of {@link Volume.remove}. */
export interface RemoveVolumeOptions {
  /** Also one that is not there, or whose driver is no more. Never one that a container has. Default false. */
  readonly force?: boolean
  readonly signal?: AbortSignal
}

/**
 * A volume: a handle on what the store, or a driver, knows under its name. Any number of handles, in any number of
 * processes, may exist of one volume; none has a state of its own.
 *
 * @example
 * ```ts
 * const data = await engine.volumes.create('data')
 * await engine.run('redis:7').volume('data:/data')
 * console.log((await data.inspect()).Mountpoint)
 * ```
 */
export class Volume implements AsyncDisposable {
  readonly name: string
  readonly #context: VolumesContext
  readonly #isEphemeral: boolean

  /** @internal */
  constructor(context: VolumesContext, name: string, isEphemeral = false) {
    this.#context = context
    this.#isEphemeral = isEphemeral
    this.name = name
  }

  /**
   * `docker volume inspect`.
   *
   * @throws {NotFoundError} VOLUME_NOT_FOUND when it was removed; VOLUME_DRIVER_NOT_FOUND; {VolumeError}
   *   VOLUME_DRIVER_FAILED
   *
   * @example
   * ```ts
   * const { Mountpoint, UsageData } = await volume.inspect({ size: true })
   * ```
   */
  async inspect({ size = false, signal }: InspectVolumeOptions = {}): Promise<VolumeInspect> {
    const stop = this.#either(signal)
    if (size) await this.#act('inspect', () => settleUsers(this.#context, this.name))
    return this.#act('inspect', async () =>
      inspectVolume(this.#context.stages.volumes, await this.#find(stop), { size, signal: stop }),
    )
  }

  /**
   * Removes it with its data.
   *
   * @throws {ConflictError} VOLUME_IN_USE while containers refer to it, running or not (`details.containers`), or while its
   *   files are copied; {NotFoundError} VOLUME_NOT_FOUND, VOLUME_DRIVER_NOT_FOUND; {VolumeError} VOLUME_DRIVER_FAILED. It is
   *   there as before then.
   *
   * @example
   * ```ts
   * await volume.remove()
   * ```
   */
  async remove({ force = false, signal }: RemoveVolumeOptions = {}): Promise<void> {
    const stop = this.#either(signal)
    await this.#act('remove', async () => {
      try {
        await this.#recorded(stop)
        await settleUsers(this.#context, this.name)
        await this.#context.stages.volumes.remove(this.name, { force, signal: stop })
      } catch (error) {
        if (!force || !(error instanceof NotFoundError) || error.code !== 'VOLUME_NOT_FOUND') throw error
      }
    })
  }

  /**
   * Removes it with its data; nothing happens when it has gone.
   *
   * @throws {ConflictError} VOLUME_IN_USE while containers refer to it; {VolumeError} VOLUME_DRIVER_FAILED
   *
   * @example
   * ```ts
   * await using scratch = await engine.volumes.create('scratch')
   * ```
   */
  async close(): Promise<void> {
    const { stages, containers } = this.#context
    // It went with the engine.
    if (this.#isEphemeral && containers.closing.aborted) return
    containers.closing.throwIfAborted()
    await this.#act('remove', async () => {
      const { closeVolume } = await import('./ephemeral-removal.js')
      await closeVolume(stages, containers, this.name)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * All its files as an uncompressed tar, made as fast as it is read: with owners, modes, times, extended attributes, links,
   * holes. Nothing begins before somebody reads; from then on the volume can be used, but not removed, until the stream has
   * ended or is destroyed. Files that are written meanwhile are as they are found: pause or stop who writes.
   *
   * @returns a stream that fails with {NotFoundError} VOLUME_NOT_FOUND, FILE_NOT_FOUND; {VolumeError}; {SyscallError}
   *
   * @example
   * ```ts
   * await pipeline(volume.export(), createGzip(), createWriteStream('/backup/data.tar.gz'))
   * ```
   */
  export({ signal, ...options }: ExportTreeOptions = {}): Readable {
    return exportVolume(this.#files, options, this.#either(signal))
  }

  /**
   * Extracts a tar over what it has: directories are merged, files replaced. After a failure what came before it stays.
   *
   * @param source the bytes, or the path of a file; plain, or compressed with gzip, zstd or xz
   * @throws {NotFoundError} VOLUME_NOT_FOUND; {LayerError} LAYER_INVALID, LAYER_ESCAPES, LAYER_TOO_LARGE; {SyscallError},
   *   as for a full disk; {VolumeError}
   *
   * @example
   * ```ts
   * await (await engine.volumes.create('restored')).import('/backup/data.tar.gz')
   * await copy.import(volume.export())
   * ```
   */
  import(source: ArchiveSource, { signal, ...options }: ImportTreeOptions = {}): Promise<CopiedFiles> {
    const stop = this.#either(signal)
    return this.#act('import to', () => importVolume(this.#files, source, options, stop))
  }

  /**
   * Copies a file or directory of the host into it, by the rules of `docker cp`: `dir/.` is what is in the directory.
   *
   * @param path in the volume; symlinks lead nowhere outside it
   * @throws {NotFoundError} FILE_NOT_FOUND, VOLUME_NOT_FOUND; {InvalidOptionError} as `docker cp` refuses; {VolumeError};
   *   {SyscallError}
   *
   * @example
   * ```ts
   * await volume.copyTo('./seed/.', '/')
   * ```
   */
  copyTo(hostSource: string, path: string, { signal, ...options }: CopyInOptions = {}): Promise<CopiedFiles> {
    const stop = this.#either(signal)
    return this.#act('copy to', () => copyToVolume(this.#files, hostSource, path, options, stop))
  }

  /**
   * Copies a file or directory of it to the host, by the rules of `docker cp`.
   *
   * @param path in the volume; symlinks lead nowhere outside it
   * @throws {NotFoundError} FILE_NOT_FOUND, VOLUME_NOT_FOUND; {InvalidOptionError} as `docker cp` refuses; {VolumeError};
   *   {SyscallError}
   *
   * @example
   * ```ts
   * await volume.copyFrom('/dump.rdb', '/backup/')
   * ```
   */
  copyFrom(path: string, hostTarget: string, { signal, ...options }: CopyOutOptions = {}): Promise<CopiedFiles> {
    const stop = this.#either(signal)
    return this.#act('copy from', () => copyFromVolume(this.#files, path, hostTarget, options, stop))
  }

  /**
   * Makes a volume of its own with all that this one has, at once where nobody uses this one: both share its files as layers
   * then, of which the kernel copies what is written to. Then its files are seen at `Mountpoint` only while it is used. Where
   * containers that run have it, or it cannot be shared, it is copied, while those stand still; the blocks of files are
   * shared where the filesystem can do that (btrfs, xfs).
   *
   * A volume of driver `local` is cloned to one without options; what other drivers keep, to one of theirs with the same options.
   *
   * @throws {ConflictError} VOLUME_EXISTS when there is one of that name; {NotFoundError} VOLUME_NOT_FOUND,
   *   VOLUME_DRIVER_NOT_FOUND; {VolumeError}; {SyscallError}, as for a full disk; {InvalidOptionError} INVALID_OPTION. There is
   *   no clone then.
   *
   * @example
   * ```ts
   * const seeded = await engine.volumes.get('seeded')
   * const own = await seeded.clone(`test-${process.pid}`)
   * await engine.run('postgres:15').volume(`${own.name}:/var/lib/postgresql/data`)
   * ```
   */
  async clone(name: string, options: CloneVolumeOptions = {}): Promise<Volume> {
    const stop = this.#either(options.signal)
    return this.#act('clone', async () => {
      const source = await this.#recorded(stop)
      await settleUsers(this.#context, this.name)
      const { stages, containers } = this.#context
      await makeClone({ keeper: stages.volumes, containers }, source, name, options, stop)
      return new Volume(this.#context, name)
    })
  }

  /**
   * What it has now, as a volume that stays as it is until somebody writes to it: a {@link clone} with a name that tells
   * where it came from.
   *
   * @throws as {@link clone}
   *
   * @example
   * ```ts
   * const before = await data.snapshot()
   * ```
   */
  snapshot({ name = snapshotName(this.name), ...options }: SnapshotVolumeOptions = {}): Promise<Volume> {
    return this.clone(name, options)
  }

  get #files(): VolumeFiles {
    return {
      keeper: this.#context.stages.volumes,
      name: this.name,
      find: (signal) => this.#recorded(signal),
    }
  }

  /** What the store says, or else a driver. */
  async #find(signal: AbortSignal): Promise<VolumeRecord> {
    const { volumes } = this.#context.stages
    const record = volumes.store.get(this.name) ?? (await volumes.find(this.name, signal))
    if (!record) throw noSuchVolume(this.name)
    return record
  }

  /** The same, from now on in the store. */
  async #recorded(signal: AbortSignal): Promise<VolumeRecord> {
    const record = await this.#find(signal)
    await this.#context.stages.volumes.adopt(record, signal)
    return record
  }

  #act<Result>(what: string, body: () => Promise<Result>): Promise<Result> {
    return reporting(`cannot ${what} volume ${this.name}`, body)
  }

  /** Whichever fires first: the engine's end, or the caller's signal. */
  #either(signal: AbortSignal | undefined): AbortSignal {
    return either(this.#context, signal)
  }
}

/** Whichever fires first: the engine's end, or the caller's signal. @throws when one of them has fired */
export function either({ containers: { closing } }: VolumesContext, signal: AbortSignal | undefined): AbortSignal {
  closing.throwIfAborted()
  signal?.throwIfAborted()
  return signal ? AbortSignal.any([closing, signal]) : closing
}

/** Records the ends of a volume's containers that nobody has seen yet: some are no more then. */
export async function settleUsers(
  { stages, containers }: { readonly stages: Pick<Stages, 'volumes'>; readonly containers: ContainerContext },
  volume: string,
): Promise<void> {
  for (const { container, phase } of stages.volumes.store.users(volume)) {
    const record = phase === 'started' && containers.containers.get(container)
    if (record) await settle(containers, record)
  }
}
