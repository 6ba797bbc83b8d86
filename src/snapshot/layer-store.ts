import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { AT_FDCWD, isAbandoned, native, RENAME_NOREPLACE } from '../host/index.js'
import { layerName, parseLayerName } from './layer-name.js'

/** A directory of our own in the making: it goes with its lock's holder. */
export interface Aside {
  /** What is to become the layer. */
  readonly path: string
  /** Publishes it under a name; false when the name is taken, and this one was removed instead. */
  publish(name: string): Promise<boolean>
  discard(): Promise<void>
}

/**
 * Directories of layers: made aside under a lock, published by a rename, so that a name is a whole layer or nothing.
 * What a dead process has left is told by its lock, which died with it.
 */
export class LayerStore {
  readonly directory: string
  readonly #lockPath: string

  constructor(directory: string) {
    this.directory = directory
    this.#lockPath = `${directory}/lock`
    mkdirSync(directory, { recursive: true, mode: 0o710 })
  }

  path(name: string): string {
    return `${this.directory}/${name}`
  }

  has(name: string): boolean {
    return statSync(this.path(name), { throwIfNoEntry: false }) !== undefined
  }

  makeAside(): Aside {
    const temporary = this.path(`tmp-${randomBytes(8).toString('hex')}`)
    const path = `${temporary}/layer`
    let lock: number | undefined = native().makeLockedDirectory(temporary)
    const discard = async () => {
      if (lock === undefined) return
      const held = lock
      lock = undefined
      try {
        await native().removeTree(temporary)
      } finally {
        closeSync(held)
      }
    }
    try {
      failpoint('snapshot.aside')
      mkdirSync(path)
      native().chmodAt(AT_FDCWD, path, 0o755)
    } catch (error) {
      // Without its lock it is swept by whoever comes next.
      closeSync(lock)
      throw error
    }
    return { path, discard, publish: (name) => this.#publish(path, name).finally(discard) }
  }

  async #publish(path: string, name: string): Promise<boolean> {
    try {
      failpoint('snapshot.publish')
      native().renameat2(AT_FDCWD, path, AT_FDCWD, this.path(name), RENAME_NOREPLACE)
      return true
    } catch (error) {
      if ((error as { code?: string }).code === 'EEXIST') return false
      throw error
    }
  }

  /**
   * Makes a layer of a directory of somebody's, by a rename; that the name is taken is success.
   *
   * @returns false: it is on another filesystem
   */
  adopt(directory: string, name: string): boolean {
    try {
      failpoint('snapshot.adopt')
      native().renameat2(AT_FDCWD, directory, AT_FDCWD, this.path(name), RENAME_NOREPLACE)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'EXDEV') return false
      if (code !== 'EEXIST') throw error
    }
    return true
  }

  /** Moved aside first: a half removed layer must not be found under its name. */
  async remove(name: string): Promise<void> {
    if (!this.has(name)) return
    const aside = this.makeAside()
    try {
      failpoint('snapshot.remove')
      native().renameat2(AT_FDCWD, this.path(name), AT_FDCWD, `${aside.path}/removed`, 0)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error
    } finally {
      await aside.discard()
    }
  }

  hold(): Disposable {
    const fd = openSync(this.#lockPath, 'a', 0o600)
    native().flock(fd, 'shared', true)
    return { [Symbol.dispose]: () => closeSync(fd) }
  }

  async sweep(keep: () => ReadonlySet<string>): Promise<boolean> {
    const fd = openSync(this.#lockPath, 'a', 0o600)
    try {
      if (!native().flock(fd, 'exclusive', false)) return false
      const kept = new Set([...keep()].map(layerName))
      for (const entry of readdirSync(this.directory)) {
        const layer = parseLayerName(entry)
        if (layer !== undefined && !kept.has(layer)) await this.remove(entry)
      }
      await this.sweepAbandoned()
      return true
    } finally {
      closeSync(fd)
    }
  }

  /** Removes what dead processes have left aside. One without a lock is half removed: it had one when it got its name. */
  async sweepAbandoned(): Promise<void> {
    const isFree = (entry: string) => native().isLocked(`${this.path(entry)}/lock`) !== true
    for (const entry of readdirSync(this.directory))
      if (isAbandoned(entry) || (entry.startsWith('tmp-') && isFree(entry))) await native().removeTree(this.path(entry))
  }
}
