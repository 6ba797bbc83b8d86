import { closeSync, fchmodSync, fchownSync, ftruncateSync, writeSync } from 'node:fs'
import { type Native, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from '../host/index.js'
import { entryFailed } from './layer-errors.js'
import type { TarEntry } from './tar-entry.js'
import type { Directory } from './tree.js'
import { isLayerXattr, setXattr } from './xattrs.js'

/** An entry on its way to the disk. */
export interface Place {
  readonly entry: TarEntry
  readonly path: string
  readonly parent: Directory
  readonly base: string
}

/** Makes something at a place; what is there already goes first. */
type Replacing = <Result>(place: Place, make: () => Result) => Result

const nothing = Buffer.alloc(0)

/**
 * Writes one file at a time. Nothing is made before the first bytes: a file whose content comes in one piece, as that of most
 * does, takes one call of the addon.
 */
export class FileWriter {
  readonly #native: Native
  readonly #replacing: Replacing
  readonly #takesXattr: (name: string) => boolean
  #place: Place | undefined
  #fd: number | undefined
  #end = 0

  constructor(native: Native, replacing: Replacing, takesXattr = isLayerXattr) {
    this.#native = native
    this.#replacing = replacing
    this.#takesXattr = takesXattr
  }

  /** The directory of the place has to stay open until the end of the file. */
  begin(place: Place): void {
    this.#place = place
    this.#end = 0
  }

  write(bytes: Buffer, position: number): void {
    const place = this.#place
    if (place === undefined) return
    try {
      if (bytes.length === place.entry.size && isPlain(place.entry)) this.#writeWhole(place, bytes)
      else this.#writePart(place, bytes, position)
    } catch (error) {
      throw entryFailed(place.entry.name, error)
    }
  }

  /** Has the bytes at `position` written to a descriptor; how many that were. */
  copy(copy: (target: number) => number, position: number): number {
    const place = this.#place
    if (place === undefined) return 0
    try {
      const copied = copy(this.#open(place))
      this.#end = position + copied
      return copied
    } catch (error) {
      throw entryFailed(place.entry.name, error)
    }
  }

  finish(): void {
    const place = this.#place
    if (place === undefined) return
    this.#place = undefined
    try {
      if (place.entry.size === 0 && isPlain(place.entry)) this.#writeWhole(place, nothing)
      else this.#finishParts(place)
    } catch (error) {
      throw entryFailed(place.entry.name, error)
    } finally {
      this.close()
    }
  }

  /** Gives the descriptor back, also after a failure. */
  close(): void {
    if (this.#fd === undefined) return
    const fd = this.#fd
    this.#fd = undefined
    closeSync(fd)
  }

  #writeWhole(place: Place, content: Buffer): void {
    const { entry, parent, base } = place
    const { mode, uid, gid, mtime, atime = mtime } = entry
    this.#place = undefined
    this.#replacing(place, () => this.#native.makeFile(parent.fd, base, content, mode, uid, gid, atime, mtime))
  }

  #writePart(place: Place, bytes: Buffer, position: number): void {
    const fd = this.#open(place)
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
    this.#end = position + bytes.length
  }

  #open(place: Place): number {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
    this.#fd ??= this.#replacing(place, () => this.#native.openat2(place.parent.fd, place.base, flags, 0o600, 0))
    return this.#fd
  }

  #finishParts(place: Place): void {
    const { entry } = place
    const fd = this.#open(place)
    if (this.#end !== entry.size) ftruncateSync(fd, entry.size)
    // In this order: chown clears setuid, setgid and capabilities.
    fchownSync(fd, entry.uid, entry.gid)
    fchmodSync(fd, entry.mode)
    for (const [name, value] of entry.xattrs) if (this.#takesXattr(name)) setXattr(this.#native, fd, '', name, value)
    this.#native.utimesAt(fd, '', entry.atime ?? entry.mtime, entry.mtime)
  }
}

function isPlain(entry: TarEntry): boolean {
  return entry.xattrs.size === 0
}
