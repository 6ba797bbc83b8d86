import { closeSync, readSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  AT_FDCWD,
  native,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
} from '../../host/index.js'
import { type BuildContext, type ContextEntry, capabilityOf, type SourceFile } from '../context/index.js'

const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
const smallBytes = 1024 * 1024
/** Of a large file at once. */
const chunkBytes = 16 * 1024 * 1024
/** What is done before others have their turn. */
const turn = { files: 64, bytes: 16 * 1024 * 1024 }
const kinds = { character: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO } as const

/**
 * Copies files of a context, as the context has them, to a path that nobody else can reach.
 *
 * @param files the file or directory itself, then what is in it
 * @param path a directory may be there, and is empty
 * @throws {ContextError} CONTEXT_CHANGED
 */
export async function copyFiles(
  context: BuildContext,
  files: readonly SourceFile[],
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const [top, ...below] = files as readonly [SourceFile, ...SourceFile[]]
  const parent = native().openat2(AT_FDCWD, dirname(path), O_RDONLY | O_DIRECTORY, 0, 0)
  const copier = new Copier(context, signal)
  try {
    await copier.copy(top.entry, parent, basename(path))
    if (top.entry.kind !== 'directory') return
    const root = native().openat2(parent, basename(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath)
    await closing(root, async () => {
      for (const { entry, name } of below)
        await inDirectory(root, dirname(name), (at) => copier.copy(entry, at, basename(name)))
      // Last, and inner ones first: making files changes the times of what they are in.
      for (const { entry, name } of below.filter((file) => file.entry.kind === 'directory').reverse())
        await inDirectory(root, name, async (at) => native().utimesAt(at, '', entry.mtime, entry.mtime))
    })
  } finally {
    closeSync(parent)
  }
}

async function closing(fd: number, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } finally {
    closeSync(fd)
  }
}

async function inDirectory(root: number, path: string, body: (directory: number) => Promise<void>): Promise<void> {
  const fd = native().openat2(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath)
  await closing(fd, () => body(fd))
}

class Copier {
  readonly #context: BuildContext
  readonly #signal: AbortSignal
  #files = 0
  #bytes = 0

  constructor(context: BuildContext, signal: AbortSignal) {
    this.#context = context
    this.#signal = signal
  }

  async copy(entry: ContextEntry, directory: number, name: string): Promise<void> {
    await this.#rest(entry)
    switch (entry.kind) {
      case 'directory':
        return makeDirectory(entry, directory, name)
      case 'symlink':
        native().symlinkat(entry.target as string, directory, name)
        native().chownAt(directory, name, entry.uid, entry.gid)
        return native().utimesAt(directory, name, entry.mtime, entry.mtime)
      case 'file':
        return this.#copyFile(entry, directory, name)
      default:
        native().mknodat(directory, name, kinds[entry.kind] | 0o600, entry.major, entry.minor)
        native().chownAt(directory, name, entry.uid, entry.gid)
        native().chmodAt(directory, name, entry.mode)
    }
  }

  async #copyFile(entry: ContextEntry, directory: number, name: string): Promise<void> {
    const { mode, uid, gid, mtime, size } = entry
    const from = this.#context.open(entry)
    await closing(from, async () => {
      if (size <= smallBytes) {
        native().makeFile(directory, name, contentOf(from, size), mode, uid, gid, mtime, mtime)
      } else {
        const to = native().openat2(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, 0)
        await closing(to, () => this.#copyLarge(from, to, size))
        native().chownAt(directory, name, uid, gid)
        native().chmodAt(directory, name, mode)
        native().utimesAt(directory, name, mtime, mtime)
      }
      // After its owner is set, which takes it away.
      const capability = capabilityOf(from)
      if (capability) native().setxattrAt(directory, name, 'security.capability', capability)
    })
  }

  async #copyLarge(from: number, to: number, size: number): Promise<void> {
    for (let at = 0, copied = -1; at < size && copied !== 0; at += copied) {
      copied = native().copyRange(from, to, Math.min(size - at, chunkBytes), at)
      await setImmediate()
      this.#signal.throwIfAborted()
    }
  }

  async #rest({ size }: ContextEntry): Promise<void> {
    this.#files++
    this.#bytes += size
    if (this.#files < turn.files && this.#bytes < turn.bytes) return
    this.#files = 0
    this.#bytes = 0
    await setImmediate()
    this.#signal.throwIfAborted()
  }
}

/** A directory that is there keeps what is in it. */
function makeDirectory({ mode, uid, gid }: ContextEntry, directory: number, name: string): void {
  try {
    native().mkdirat(directory, name, 0o700)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  native().chownAt(directory, name, uid, gid)
  native().chmodAt(directory, name, mode)
}

function contentOf(fd: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  let length = 0
  for (let read = -1; read !== 0 && length < size; length += read)
    read = readSync(fd, bytes, length, size - length, null)
  return bytes.subarray(0, length)
}
