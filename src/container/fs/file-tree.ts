import { closeSync, fstat, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import {
  isKernelFilesystem,
  native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../../host/index.js'
import { codeOf, Refusal } from './failures.js'
import { bytesOf, type SplitPath, splitPath } from './names.js'

/** As a program sees it whose root the tree is. */
const inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
/** Names of a directory that is open already. */
const below = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS

const leasedMs = 10

export const statusOf: (fd: number) => Promise<Stats> = promisify(fstat)

/** The path by which Node reaches what a descriptor is open on, whatever it is called by now. */
export const pathOf = (fd: number): string => `/proc/self/fd/${fd}`

/** The path of a name, without a slash, in an open directory: for calls that follow no symlink at its end. */
export const pathIn = (fd: number, name: string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), bytesOf(name)])

/** What a path led to: good for looking at it, and for being opened anew. */
export interface FoundFile {
  readonly fd: number
  /** A directory that one of the kernel's own filesystems is mounted on: it counts as empty. */
  readonly isKernels: boolean
}

/** An open directory, and the name in it that a path ends with. */
export interface Place extends SplitPath {
  readonly fd: number
}

/**
 * The files of a container, whose content nobody trusts and which change while they are looked at. A path is resolved by the
 * kernel, once, to a descriptor that opens nothing (O_PATH); all that follows is done with that.
 */
export class FileTree {
  readonly #root: number

  /** @param root stays the caller's */
  constructor(root: number) {
    this.#root = root
  }

  /** Finds what is at a path; a symlink at its end is followed unless `follows` is false. */
  async find<Result>(
    path: string,
    use: (found: FoundFile) => Promise<Result>,
    { follows = true, flags = 0 }: { readonly follows?: boolean; readonly flags?: number } = {},
  ): Promise<Result> {
    return opened(this.#root, path, O_PATH | flags | (follows ? 0 : O_NOFOLLOW), inside, use)
  }

  /** The same of what is neither the kernel's nor anything that is mounted as such. */
  async findOwn<Result>(path: string, use: (fd: number) => Promise<Result>, flags = 0): Promise<Result> {
    return this.find(path, ({ fd, isKernels }) => use(isKernels ? refuseKernels() : fd), { flags })
  }

  /** The directory that a path's last name is in. */
  async place<Result>(path: string, use: (place: Place) => Promise<Result>): Promise<Result> {
    const split = splitPath(path)
    // Nothing is nowhere: the kernel says so.
    const directory = path === '' ? '' : split.directory
    return this.findOwn(directory, (fd) => use({ fd, ...split }), O_DIRECTORY)
  }
}

/** A directory below an open one, without symlinks on the way. */
export function enter<Result>(
  directory: number,
  path: string,
  use: (found: FoundFile) => Promise<Result>,
): Promise<Result> {
  return opened(directory, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, below, use)
}

/** The name itself, not what it leads to. */
export function enterName<Result>({ fd, name }: Place, use: (fd: number) => Promise<Result>): Promise<Result> {
  return opened(fd, name, O_PATH | O_NOFOLLOW, below, (found) => use(found.isKernels ? refuseKernels() : found.fd))
}

async function opened<Result>(
  directory: number,
  path: string,
  flags: number,
  resolve: number,
  use: (found: FoundFile) => Promise<Result>,
): Promise<Result> {
  const [fd, filesystem] = await native().openBelow(directory, path, flags, 0, resolve)
  try {
    const isKernels = isKernelFilesystem(filesystem)
    if (isKernels && !(await isMountedOn(fd))) refuseKernels()
    return await use({ fd, isKernels })
  } finally {
    closeSync(fd)
  }
}

/** Whether a directory of the kernel's is where its filesystem begins. */
async function isMountedOn(fd: number): Promise<boolean> {
  if (!(await statusOf(fd)).isDirectory()) return false
  const [parent, filesystem] = await native().openBelow(fd, '..', O_PATH, 0, 0)
  closeSync(parent)
  return !isKernelFilesystem(filesystem)
}

function refuseKernels(): never {
  throw new Refusal('EACCES', "of a filesystem of the kernel's, which only the container's own programs reach")
}

/** Opens a regular file for reading or writing; nothing else is ever opened. It was found before: {@link FileTree.findOwn}. */
export async function openRegular(fd: number, flags: number, signal: AbortSignal): Promise<FileHandle> {
  verifyRegular(await statusOf(fd))
  for (;;) {
    try {
      return await open(pathOf(fd), flags | O_NONBLOCK)
    } catch (error) {
      // A program has a lease on it (fcntl(2)), which the kernel takes away after a while: nothing tells when.
      if (codeOf(error) !== 'EAGAIN') throw error
      await delay(leasedMs, undefined, { signal })
    }
  }
}

function verifyRegular(stats: Stats): void {
  if (stats.isDirectory()) throw new Refusal('EISDIR', 'illegal operation on a directory')
  if (stats.isFile()) return
  const kind = stats.isFIFO() ? 'fifo' : stats.isSocket() ? 'socket' : 'device'
  throw new Refusal('EINVAL', `a ${kind}, and no regular file`)
}
