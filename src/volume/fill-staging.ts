import { closeSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import {
  AT_FDCWD,
  native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RENAME_NOREPLACE,
  S_IFDIR,
  S_IFMT,
  type Stat,
  withDescriptor,
} from '../host/index.js'
import { copyDirectoryAttributes, copyTree, copyTreeHere, exactly } from '../layer/index.js'
import type { FillSource } from './fill.js'

/** Where a volume that is a filesystem of its own is staged, in itself. */
export const insideName = '.inboard-filling'
/** What is staged is whole, and on its way into the volume. */
export const publishedName = '.filled'
const asidePrefix = '.filling-'

/** What opening and removing comes to where a staging is none of ours. */
const malformed: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENOTEMPTY', 'EXDEV'])

const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW

/**
 * A volume and what is staged for it: `files`, the content, and `top`, an empty directory with the attributes that the
 * volume is to have. Containers may have the volume mounted and be hostile: all is reached by descriptors.
 */
export class FillStaging {
  readonly target: number
  readonly #isInside: boolean
  /** The directory that stagings are made in; undefined as long as there is none. */
  #holder: number | undefined

  constructor(target: string, staging: string) {
    const open = (path: string) => native().openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0)
    this.#isInside = staging === target
    this.target = open(target)
    try {
      this.#holder = this.#isInside ? this.#openInside() : open(staging)
    } catch (error) {
      closeSync(this.target)
      throw error
    }
  }

  close(): void {
    closeSync(this.target)
    if (this.#holder !== undefined) closeSync(this.#holder)
  }

  /**
   * Finishes what was published, and removes what was not.
   *
   * @returns whether something was published
   */
  async recover(): Promise<boolean> {
    try {
      return await this.#finishOrUndo()
    } catch (error) {
      // A container has made it, or something of it: it is content, and keeps nobody else from the volume.
      if (this.#isInside && malformed.has(String((error as { code?: unknown }).code))) return false
      throw error
    }
  }

  async #finishOrUndo(): Promise<boolean> {
    if (this.#holder === undefined) return false
    const names = native()
      .readDirectory(this.#holder)
      .map(({ name }) => name)
    for (const name of names) if (name.startsWith(asidePrefix)) await this.#remove(name)
    const isPublished = names.includes(publishedName)
    if (isPublished) await this.finish()
    else this.#leave()
    return isPublished
  }

  /** Makes a whole copy and publishes it. After a failure there is nothing. */
  async stage({ source, isSmall }: FillSource, signal?: AbortSignal): Promise<void> {
    failpoint('fill.stage')
    const holder = this.#makeHolder()
    const aside = `${asidePrefix}${process.pid}`
    try {
      await makeDirectory(holder, aside, (staged) =>
        makeDirectory(staged, 'files', async (files) => {
          if (isSmall) copyTreeHere(source, procPath(files))
          else await copyTree(source, procPath(files), { signal })
          await makeDirectory(staged, 'top', (top) => copyDirectoryAttributes(native(), files, top, 'merged'))
        }),
      )
      failpoint('fill.publish')
      native().renameat2(holder, aside, holder, publishedName, 0)
    } catch (error) {
      await this.#remove(aside)
      this.#leave()
      throw error
    }
  }

  /** Moves what is published to the volume. May have been cut short anywhere before. */
  async finish(): Promise<void> {
    const holder = this.#holder as number
    const published = openDirectory(holder, publishedName)
    const times = withDescriptor(published, () => {
      this.#moveEntries(published)
      return this.#setAttributes(published)
    })
    failpoint('fill.done')
    // First out of the way of those who would finish it: what is half removed is not to be moved to the volume.
    const aside = `${asidePrefix}${process.pid}`
    native().renameat2(holder, publishedName, holder, aside, 0)
    await this.#remove(aside)
    this.#leave()
    // The staging inside was an entry of the volume.
    if (this.#isInside) native().utimesAt(this.target, '', times.atime, times.mtime)
  }

  #moveEntries(published: number): void {
    withDescriptor(openDirectory(published, 'files'), (files) => {
      for (const { name } of native().readDirectory(files)) {
        failpoint('fill.entries')
        move(files, this.target, name)
      }
    })
  }

  #setAttributes(published: number): Stat {
    return withDescriptor(openDirectory(published, 'top'), (top) => {
      failpoint('fill.attributes')
      copyDirectoryAttributes(native(), top, this.target, 'merged')
      return native().statAt(top, '') as Stat
    })
  }

  /** Undefined when there is none, or it is a file of a container's. */
  #openInside(): number | undefined {
    const stat = native().statAt(this.target, insideName)
    if (stat === undefined || !isOurs(stat)) return undefined
    const fd = openDirectory(this.target, insideName)
    if (isOurs(native().statAt(fd, '') as Stat)) return fd
    closeSync(fd)
    return undefined
  }

  #makeHolder(): number {
    if (this.#holder === undefined) {
      native().mkdirat(this.target, insideName, 0o700)
      this.#holder = openDirectory(this.target, insideName)
    }
    return this.#holder
  }

  /** Leaves nothing inside of the volume. */
  #leave(): void {
    if (!this.#isInside || this.#holder === undefined) return
    native().unlinkat(this.target, insideName, true)
    closeSync(this.#holder)
    this.#holder = undefined
  }

  async #remove(name: string): Promise<void> {
    const holder = this.#holder as number
    if (!removedEmpty(holder, name)) await native().removeTree(`${procPath(holder)}/${name}`)
  }
}

/** A directory that a container's user cannot have made: to others it is content. */
function isOurs({ mode, uid }: Stat): boolean {
  return (mode & S_IFMT) === S_IFDIR && (mode & 0o777) === 0o700 && uid === native().geteuid()
}

function openDirectory(directory: number, name: string): number {
  return native().openat2(directory, name, directoryFlags, 0, exactly)
}

async function makeDirectory(parent: number, name: string, use: (fd: number) => Promise<void> | void): Promise<void> {
  native().mkdirat(parent, name, 0o700)
  const fd = openDirectory(parent, name)
  try {
    await use(fd)
  } finally {
    closeSync(fd)
  }
}

/** A path that leads to a descriptor's directory in all threads, whatever happens to its names. */
const procPath = (fd: number) => `/proc/self/fd/${fd}`

/** Moves a name, unless there is one already. */
function move(from: number, to: number, name: string): void {
  try {
    native().renameat2(from, name, to, name, RENAME_NOREPLACE)
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'EINVAL') moveByLink(from, to, name)
    else if (code !== 'EEXIST') throw error
  }
}

/** For filesystems that cannot rename without replacing (NFS). A directory replaces at most an empty one. */
function moveByLink(from: number, to: number, name: string): void {
  if (native().statAt(to, name) !== undefined) return
  const { mode } = native().statAt(from, name) as Stat
  if ((mode & S_IFMT) === S_IFDIR) native().renameat2(from, name, to, name, 0)
  else {
    native().linkat(from, name, to, name)
    native().unlinkat(from, name, false)
  }
}

/** Removes a staging that everything was moved out of: faster than a task of the thread pool. */
function removedEmpty(holder: number, name: string): boolean {
  try {
    withDescriptor(openDirectory(holder, name), (staged) => {
      native().unlinkat(staged, 'files', true)
      native().unlinkat(staged, 'top', true)
    })
    native().unlinkat(holder, name, true)
    return true
  } catch {
    return false
  }
}
