import type { Stats } from 'node:fs'
import { FileSystemError } from '../../errors/index.js'
import type { ContainerContext } from '../context.js'
import { checkedBound } from './checked-options.js'
import type { ContainerDirent } from './dirent.js'
import { FileWatch } from './file-watch.js'
import { pathText } from './names.js'
import type {
  ContainerPath,
  FileData,
  FileOptions,
  MakeDirectoryOptions,
  ReadDirectoryOptions,
  ReadFileOptions,
  RemoveFileOptions,
  WatchFilesOptions,
  WriteFileOptions,
} from './options.js'

type Calls = typeof import('./calls.js')

/**
 * The files of a container, in the shape of `node:fs/promises`, whether it runs, is paused, or does not run: `container.fs`. They
 * are what its programs see, with volumes, directories of the host and, while it runs, its tmpfs; of the kernel's own filesystems
 * (`/proc`, `/sys`) there are only empty directories, and the rest is refused with EACCES.
 *
 * Paths begin at the root of the container, also those without a slash in front, as `docker cp` has it. Symlinks, `..` and what
 * a program in the container swaps meanwhile lead nowhere outside. Only regular files are read and written: a fifo, socket or
 * device is refused with EINVAL. Nothing is run in the container. Owners are numbers.
 *
 * Of a container that does not run the files are mounted for a call, and for a tenth of a second after it; it starts, or is
 * removed, when no call is under way. What was asked for is done as root: permissions do not count, read-only mounts do (EROFS).
 *
 * All methods throw {FileSystemError} with the kernel's `code`, such as `'ENOENT'`; {NotFoundError} CONTAINER_NOT_FOUND;
 * {InvalidOptionError} INVALID_OPTION; {SyscallError}; {LaunchError} when the files of a container that does not run cannot be mounted;
 * and what `signal` was aborted with.
 *
 * @example
 * ```ts
 * await container.fs.writeFile('/etc/app.json', JSON.stringify(settings), { mode: 0o600, uid: 1000 })
 * const log = await container.fs.readFile('/var/log/app.log', 'utf8')
 * ```
 */
export class ContainerFs {
  readonly #context: ContainerContext
  readonly #of: { readonly id: string; readonly name: string }

  /** @internal */
  constructor(context: ContainerContext, of: { readonly id: string; readonly name: string }) {
    this.#context = context
    this.#of = of
  }

  /**
   * Reads a file.
   *
   * @param options an encoding, for text; default: its bytes
   * @throws {FileSystemError} ENOENT; EISDIR; EINVAL for what is no regular file; EFBIG beyond `maxBytes`
   *
   * @example
   * ```ts
   * const release = await container.fs.readFile('/etc/os-release', 'utf8')
   * ```
   */
  readFile(path: ContainerPath, options?: null | ReadFileOptions<null | undefined>): Promise<Buffer>
  readFile(path: ContainerPath, options: BufferEncoding | ReadFileOptions<BufferEncoding>): Promise<string>
  readFile(path: ContainerPath, options?: BufferEncoding | null | ReadFileOptions): Promise<string | Buffer>
  async readFile(path: ContainerPath, options?: BufferEncoding | null | ReadFileOptions): Promise<string | Buffer> {
    return (await this.#calls()).readFile(this.#context, this.#of, path, options)
  }

  /**
   * Writes a file: one that is there is emptied first, one that is not is made. A call that is stopped, or fails, leaves what it
   * has written.
   *
   * @param data text, bytes, or an iterable or stream of them, which is read as fast as it is written
   * @throws {FileSystemError} ENOENT when its directory is missing; EISDIR; EEXIST with `'wx'`; EROFS; ENOSPC; ETXTBSY for a program
   *   that runs
   *
   * @example
   * ```ts
   * await container.fs.writeFile('/data/seed.sql', createReadStream('seed.sql'), { uid: 999, gid: 999 })
   * ```
   */
  async writeFile(path: ContainerPath, data: FileData, options?: BufferEncoding | WriteFileOptions): Promise<void> {
    return (await this.#calls()).writeFile(this.#context, this.#of, path, data, options, 'w')
  }

  /**
   * Writes at the end of a file; one that is not there is made.
   *
   * @throws as {@link writeFile}
   *
   * @example
   * ```ts
   * await container.fs.appendFile('/etc/hosts.allow', 'ALL: 10.\n')
   * ```
   */
  async appendFile(path: ContainerPath, data: FileData, options?: BufferEncoding | WriteFileOptions): Promise<void> {
    return (await this.#calls()).writeFile(this.#context, this.#of, path, data, options, 'a')
  }

  /**
   * What is in a directory, in no order. With `recursive` names are paths from there, as Node has them.
   *
   * @throws {FileSystemError} ENOENT; ENOTDIR; EFBIG beyond `maxEntries`
   *
   * @example
   * ```ts
   * for (const entry of await container.fs.readdir('/etc', { withFileTypes: true }))
   *   if (entry.isFile()) console.log(entry.parentPath, entry.name)
   * ```
   */
  readdir(path: ContainerPath, options?: ReadDirectoryOptions<false | undefined, 'utf8' | undefined>): Promise<string[]>
  readdir(path: ContainerPath, options: ReadDirectoryOptions<false | undefined, 'buffer'>): Promise<Buffer[]>
  readdir(
    path: ContainerPath,
    options: ReadDirectoryOptions<true, 'utf8' | undefined>,
  ): Promise<ContainerDirent<string>[]>
  readdir(path: ContainerPath, options: ReadDirectoryOptions<true, 'buffer'>): Promise<ContainerDirent<Buffer>[]>
  async readdir(
    path: ContainerPath,
    options: ReadDirectoryOptions = {},
  ): Promise<string[] | Buffer[] | ContainerDirent<string>[] | ContainerDirent<Buffer>[]> {
    return (await this.#calls()).readdir(this.#context, this.#of, path, options)
  }

  /**
   * What a path leads to, symlinks followed.
   *
   * @returns `fs.Stats`, with the container's owners by number
   * @throws {FileSystemError} ENOENT; ENOTDIR; ELOOP
   *
   * @example
   * ```ts
   * const { size, mtime } = await container.fs.stat('/var/lib/redis/dump.rdb')
   * ```
   */
  async stat(path: ContainerPath, options: FileOptions = {}): Promise<Stats> {
    return (await this.#calls()).stat(this.#context, this.#of, path, options, 'stat')
  }

  /** What is at a path: of a symlink, itself. @throws as {@link stat} */
  async lstat(path: ContainerPath, options: FileOptions = {}): Promise<Stats> {
    return (await this.#calls()).stat(this.#context, this.#of, path, options, 'lstat')
  }

  /**
   * Whether a path leads to something. What cannot be reached is not there: a symlink that leads nowhere, a path behind a file.
   *
   * @example
   * ```ts
   * if (await container.fs.exists('/run/app.pid')) console.log('it is up')
   * ```
   */
  async exists(path: ContainerPath, options: FileOptions = {}): Promise<boolean> {
    return (await this.#calls()).exists(this.#context, this.#of, path, options)
  }

  /** Where a symlink says that it leads. @throws {FileSystemError} EINVAL when it is none; ENOENT */
  async readlink(path: ContainerPath, options: FileOptions = {}): Promise<string> {
    return (await this.#calls()).readlink(this.#context, this.#of, path, options)
  }

  /**
   * Makes a directory.
   *
   * @returns with `recursive`, the first directory that was made, if any was
   * @throws {FileSystemError} EEXIST; ENOENT when what it is to be in is missing; EROFS
   *
   * @example
   * ```ts
   * await container.fs.mkdir('/srv/app/uploads', { recursive: true, uid: 33, gid: 33 })
   * ```
   */
  async mkdir(path: ContainerPath, options: MakeDirectoryOptions = {}): Promise<string | undefined> {
    return (await this.#calls()).mkdir(this.#context, this.#of, path, options)
  }

  /**
   * Removes a file or symlink, or with `recursive` a directory with all that is in it. What is mounted below it stays, and is
   * told with EBUSY when all else is gone. What was removed before a failure or an abort is gone.
   *
   * @throws {FileSystemError} ENOENT unless `force` is set; EISDIR for a directory; EROFS
   *
   * @example
   * ```ts
   * await container.fs.rm('/var/cache/app', { recursive: true, force: true })
   * ```
   */
  async rm(path: ContainerPath, options: RemoveFileOptions = {}): Promise<void> {
    return (await this.#calls()).rm(this.#context, this.#of, path, options)
  }

  /**
   * Gives a file another path, and replaces what is there: a file, or a directory that is empty.
   *
   * @throws {FileSystemError} ENOENT; EXDEV between a volume and the rest; ENOTEMPTY; EISDIR; ENOTDIR
   *
   * @example
   * ```ts
   * await container.fs.rename('/etc/app.json.new', '/etc/app.json')
   * ```
   */
  async rename(path: ContainerPath, newPath: ContainerPath, options: FileOptions = {}): Promise<void> {
    return (await this.#calls()).rename(this.#context, this.#of, path, newPath, options)
  }

  /** Makes a symlink at `path`, which says `target`, as it is. @throws {FileSystemError} EEXIST; ENOENT; EROFS */
  async symlink(target: ContainerPath, path: ContainerPath, options: FileOptions = {}): Promise<void> {
    return (await this.#calls()).symlink(this.#context, this.#of, target, path, options)
  }

  /** Sets the permissions of what a path leads to. @param mode such as 0o644 @throws {FileSystemError} ENOENT; EROFS */
  async chmod(path: ContainerPath, mode: number, options: FileOptions = {}): Promise<void> {
    return (await this.#calls()).chmod(this.#context, this.#of, path, mode, options)
  }

  /** Sets the owner of what a path leads to, by number. @throws {FileSystemError} ENOENT; EROFS */
  async chown(path: ContainerPath, uid: number, gid: number, options: FileOptions = {}): Promise<void> {
    return (await this.#calls()).chown(this.#context, this.#of, path, uid, gid, options)
  }

  /**
   * Tells what changes in a directory, or of a file, whoever changes it: an async iterable, from the first `next()` on, or from
   * `ready()`. It ends when the container's program ends or the loop is left, and fails with the signal. Of a container that does
   * not run nothing is told before it does. What changes on a network's filesystem by another host is never told.
   *
   * @throws {FileSystemError} ENOENT; ENOSPC when the host allows no more watches (sysctl fs.inotify.max_user_watches)
   *
   * @example
   * ```ts
   * for await (const { eventType, filename } of container.fs.watch('/data', { recursive: true }))
   *   console.log(eventType, filename)
   * ```
   */
  watch(path: ContainerPath, options: WatchFilesOptions = {}): FileWatch {
    const { recursive = false, maxQueue = 2048, overflow = 'ignore', signal } = options
    const request = { path: pathText(path), isRecursive: recursive, signal }
    const bounds = {
      maxQueue: checkedBound(maxQueue, 'maxQueue'),
      overflow: overflow === 'throw' ? tooMany : undefined,
    }
    return new FileWatch(async (sink) => {
      const { watchFiles } = await import('./watch.js')
      await watchFiles(this.#context, this.#of, request, sink)
    }, bounds)
  }

  async #calls(): Promise<Calls> {
    this.#context.closing.throwIfAborted()
    return import('./calls.js')
  }
}

const tooMany = () =>
  new FileSystemError('EFBIG: more changes than maxQueue were not read', {
    code: 'EFBIG',
    details: { syscall: 'watch' },
  })
