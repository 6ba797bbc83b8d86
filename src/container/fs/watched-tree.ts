import { type FSWatcher, type Stats, watch } from 'node:fs'
import { codeOf, Refusal } from './failures.js'
import { enter, type FoundFile, pathOf, statusOf } from './file-tree.js'
import { eachIn, pathBelow } from './list.js'
import { textOf } from './names.js'
import type { FileChange } from './options.js'

/** A container may make as many directories as it likes. */
const maxDirectories = 65_536

/** Beyond this, all is looked at again. */
const maxWaiting = 1024

interface Watched {
  readonly watcher: FSWatcher
  /** Which directory it is: its name may be another's by now. */
  readonly identity: string
}

/** A new directory may have the number of one that has just been removed. */
const identityOf = ({ dev, ino, birthtimeMs }: Stats) => `${dev} ${ino} ${birthtimeMs}`

/** What of a path there is no directory at. */
const gone: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'])

export interface WatchedTreeOptions {
  /** An open directory, which stays the caller's. */
  readonly top: number
  /** What it is called in what is told of itself. */
  readonly name: string
  readonly isRecursive: boolean
  readonly tell: (change: FileChange) => void
  readonly fail: (error: unknown) => void
}

/** Watches a directory, and what is in it as that comes and goes, by descriptors and names without symlinks. */
export class WatchedTree {
  readonly #options: WatchedTreeOptions
  readonly #watched = new Map<string, Watched>()
  readonly #waiting = new Set<string>()
  #work: Promise<void> | undefined
  #isClosed = false

  constructor(options: WatchedTreeOptions) {
    this.#options = options
  }

  /** Resolves when all that is there is watched. */
  async begin(): Promise<void> {
    await this.#walk('', () => {})
  }

  /** Resolves when nothing of it is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { watcher } of this.#watched.values()) watcher.close()
    this.#watched.clear()
    await this.#work
  }

  /** Looks at what has another name now, or is new. */
  #lookAt(path: string): void {
    if (this.#waiting.size >= maxWaiting) {
      this.#waiting.clear()
      this.#waiting.add('')
    } else this.#waiting.add(path)
    this.#work ??= this.#lookAtAll()
      .catch((error: unknown) => this.#options.fail(error))
      .finally(() => {
        this.#work = undefined
      })
  }

  async #lookAtAll(): Promise<void> {
    for (const path of this.#waiting) {
      this.#waiting.delete(path)
      // What was made before it was watched is told now.
      await this.#walk(path, (filename) => this.#options.tell({ eventType: 'rename', filename }))
    }
  }

  async #walk(from: string, tellNew: (path: string) => void): Promise<void> {
    const left = [from]
    for (let path = left.pop(); path !== undefined && !this.#isClosed; path = left.pop())
      left.push(...(await this.#watchAt(path, from === '', tellNew)))
  }

  /** Has a directory watched, if there is one. @returns those in it that are to be looked at */
  async #watchAt(path: string, looksAgain: boolean, tellNew: (path: string) => void): Promise<string[]> {
    const inside: string[] = []
    try {
      await enter(this.#options.top, path || '.', async (found) => {
        if (found.isKernels) return
        const isNew = await this.#watch(found, path)
        if (!this.#options.isRecursive || !(isNew || looksAgain)) return
        await eachIn(found, path, ({ parent, name, kind }) => {
          if (isNew) tellNew(pathBelow(parent, name))
          if (kind.isDirectory()) inside.push(pathBelow(parent, name))
        })
      })
    } catch (error) {
      if (!gone.has(codeOf(error))) throw error
      this.#forget(path)
    }
    return inside
  }

  /** False: it is watched already. */
  async #watch({ fd }: FoundFile, path: string): Promise<boolean> {
    const identity = identityOf(await statusOf(fd))
    if (this.#isClosed || this.#watched.get(path)?.identity === identity) return false
    this.#forget(path)
    if (this.#watched.size >= maxDirectories) throw new Refusal('EFBIG', `more than ${maxDirectories} directories`)
    // What happens to the directory itself has the path's last name, which no file in it can have.
    const watcher = watch(`${pathOf(fd)}/.`, { encoding: 'latin1' }, (eventType, name) =>
      this.#hear(path, eventType, name ?? '.'),
    )
    watcher.on('error', this.#options.fail)
    this.#watched.set(path, { watcher, identity })
    return true
  }

  #hear(path: string, eventType: FileChange['eventType'], latin1: string): void {
    if (latin1 === '.') {
      // Of those below, the directory that they are in tells.
      if (path === '') this.#options.tell({ eventType, filename: this.#options.name })
      return
    }
    const filename = pathBelow(path, textOf(Buffer.from(latin1, 'latin1')))
    this.#options.tell({ eventType, filename })
    if (this.#options.isRecursive && eventType === 'rename') this.#lookAt(filename)
  }

  /** It is not there any more, nor what was in it. */
  #forget(path: string): void {
    if (!this.#watched.has(path)) return
    for (const [at, { watcher }] of this.#watched) {
      if (at !== path && !at.startsWith(`${path}/`)) continue
      watcher.close()
      this.#watched.delete(at)
    }
  }
}
