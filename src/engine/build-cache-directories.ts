import { createHash, randomBytes } from 'node:crypto'
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { CacheDirectory, CacheDirectoryRequest } from '../build/index.js'
import { failpoint } from '../errors/failpoint.js'
import { native, withFileLock } from '../host/index.js'
import type { BuildCacheRow, BuildCacheStore } from '../store/build-caches.js'

const retryMs = 10
const aside = 'tmp-'

/** A cache mount's directory, to be shown. */
export interface CacheDirectoryLine extends BuildCacheRow {
  /** Some step has it now. */
  readonly isInUse: boolean
  /** Bytes of its files. */
  readonly size: number
}

/**
 * The directories of cache mounts: `root/build/caches/DIRECTORY` has `data`, which steps see, and `lock`, whose flock steps hold:
 * shared, or alone. The kernel lets go of it when a builder dies. What has no row in the store, and is not locked, is what
 * somebody has left who was killed.
 */
export class CacheDirectories {
  readonly #path: string
  readonly #store: BuildCacheStore

  /** @param path `root/build/caches` */
  constructor(path: string, store: BuildCacheStore) {
    this.#path = path
    this.#store = store
  }

  /** Takes the directory of a name, which is made when there is none; waits for who has it, as it is to be shared. */
  async take(request: CacheDirectoryRequest): Promise<CacheDirectory> {
    const { sharing, signal } = request
    for (;;) {
      signal.throwIfAborted()
      const taken = this.#takeFree(request)
      if (taken) return taken
      const isWaitedFor = sharing !== 'private' && this.#store.of(request.id).length > 0
      if (isWaitedFor) await delay(retryMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      else return await this.#make(request)
    }
  }

  async list(signal?: AbortSignal): Promise<CacheDirectoryLine[]> {
    const lines: CacheDirectoryLine[] = []
    for (const row of this.#store.list()) {
      signal?.throwIfAborted()
      const lock = this.#lock(row.directory, 'exclusive')
      if (lock !== undefined) closeSync(lock)
      const size = await native()
        .treeSize(this.#data(row.directory))
        .catch(() => 0)
      lines.push({ ...row, isInUse: lock === undefined, size })
    }
    return lines
  }

  /** Removes one that no step has. @returns the bytes of its files; undefined when a step has it, or it is gone */
  async remove(directory: string): Promise<number | undefined> {
    const lock = this.#lock(directory, 'exclusive')
    if (lock === undefined) return undefined
    try {
      const size = await native().treeSize(this.#data(directory))
      this.#store.remove(directory)
      failpoint('cache.discard')
      await this.#discard(directory)
      return size
    } finally {
      closeSync(lock)
    }
  }

  /** Removes what nobody knows of. */
  async sweep(): Promise<void> {
    for (const name of this.#entries()) {
      if (name.endsWith('.lock') || this.#store.has(name)) continue
      const lock = this.#lock(name, 'exclusive')
      if (lock === undefined && native().isLocked(`${this.#path}/${name}/lock`) !== undefined) continue
      try {
        // Looked at once more: who made it has had it locked until it was recorded.
        if (!this.#store.has(name)) await this.#discard(name)
      } finally {
        if (lock !== undefined) closeSync(lock)
      }
    }
  }

  #entries(): string[] {
    try {
      return readdirSync(this.#path)
    } catch {
      return []
    }
  }

  #takeFree({ id, sharing }: CacheDirectoryRequest): CacheDirectory | undefined {
    const rows = this.#store.of(id)
    // Others than the first are what private ones have left.
    for (const { directory } of sharing === 'private' ? rows : rows.slice(0, 1)) {
      const lock = this.#lock(directory, sharing === 'shared' ? 'shared' : 'exclusive')
      if (lock === undefined) {
        // A row whose directory somebody else has removed.
        if (statSync(this.#data(directory), { throwIfNoEntry: false }) === undefined) this.#store.remove(directory)
        continue
      }
      this.#store.use(directory, Date.now())
      return this.#taken(directory, lock)
    }
    return undefined
  }

  /** One at a time makes the first one of a name. */
  async #make(request: CacheDirectoryRequest): Promise<CacheDirectory> {
    mkdirSync(this.#path, { recursive: true, mode: 0o700 })
    if (request.sharing === 'private') return await this.#makeNew(request)
    const path = `${this.#path}/${createHash('sha256').update(request.id).digest('hex')}.lock`
    const made = await withFileLock(
      path,
      async () => {
        try {
          return this.#store.of(request.id).length > 0 ? undefined : await this.#makeNew(request)
        } finally {
          rmSync(path, { force: true })
        }
      },
      request.signal,
    )
    return made ?? (await this.take(request))
  }

  async #makeNew(request: CacheDirectoryRequest): Promise<CacheDirectory> {
    const { id, sharing, fill, signal } = request
    await this.sweep()
    const directory = randomBytes(16).toString('hex')
    const temporary = `${aside}${directory}`
    const lock = native().makeLockedDirectory(`${this.#path}/${temporary}`)
    try {
      mkdirSync(this.#data(temporary), { mode: 0o755 })
      await fill(this.#data(temporary))
      signal.throwIfAborted()
      failpoint('cache.publish')
      renameSync(`${this.#path}/${temporary}`, `${this.#path}/${directory}`)
      failpoint('cache.record')
      const now = Date.now()
      this.#store.insert({ directory, name: id, created_at: now, used_at: now, uses: 1 })
      if (sharing !== 'shared' || native().flock(lock, 'shared', false)) return this.#taken(directory, lock)
    } catch (error) {
      await native()
        .removeTree(`${this.#path}/${temporary}`)
        .catch(() => {})
      closeSync(lock)
      throw error
    }
    // The kernel lets go of one lock before it gives the other: somebody came in between.
    closeSync(lock)
    return await this.take(request)
  }

  #taken(directory: string, lock: number): CacheDirectory {
    let isHeld = true
    const release = async () => {
      if (isHeld) closeSync(lock)
      isHeld = false
    }
    return { path: this.#data(directory), [Symbol.asyncDispose]: release }
  }

  /** A descriptor of its lock; undefined when others have it, or it is gone. */
  #lock(directory: string, kind: 'shared' | 'exclusive'): number | undefined {
    const path = `${this.#path}/${directory}/lock`
    let lock: number
    try {
      lock = openSync(path, 'r+')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const isCurrent = () => statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(lock).ino
    if (native().flock(lock, kind, false) && isCurrent()) return lock
    closeSync(lock)
    return undefined
  }

  /** Moved aside first: nobody finds it half removed. */
  async #discard(name: string): Promise<void> {
    const temporary = name.startsWith(aside) ? name : `${aside}${name}`
    if (temporary !== name) renameSync(`${this.#path}/${name}`, `${this.#path}/${temporary}`)
    await native().removeTree(`${this.#path}/${temporary}`)
  }

  #data(directory: string): string {
    return `${this.#path}/${directory}/data`
  }
}
