import type { Native, Stat } from '../host/index.js'
import type { Place } from './file-writer.js'
import { isErrno } from './layer-errors.js'
import { cleanName, splitName } from './names.js'
import type { TarEntry } from './tar-entry.js'
import { type Directory, isDirectory, removeEntry } from './tree.js'
import { TreeExtractor, verifyRoot } from './tree-extractor.js'
import { isAufsMetadata, MergedWhiteouts, OverlayWhiteouts, type Whiteouts, whiteoutPrefix } from './whiteouts.js'
import { defaultAcl, isLayerXattr, setXattr } from './xattrs.js'

/**
 * How whiteouts are kept: `overlay` makes a lower directory for overlayfs, with a 0:0 device for each; `merged` is a
 * tree that already holds the layers below, in which they delete.
 */
export type LayerFormat = 'overlay' | 'merged'

/**
 * Writes the entries of a layer below a directory, with the ownership, modes, times and attributes that they have in the
 * archive, and the whiteouts as the format has them.
 */
export class Extractor extends TreeExtractor {
  readonly #whiteouts: Whiteouts
  /** Paths of directories that this layer was seen to have; undefined where there were none before it. */
  readonly #entered: Set<string> | undefined

  constructor(native: Native, target: string, format: LayerFormat) {
    super(native, { directory: target })
    this.#entered = format === 'merged' ? new Set() : undefined
    this.#whiteouts = format === 'overlay' ? new OverlayWhiteouts(native) : new MergedWhiteouts(native)
  }

  protected override extract(entry: TarEntry): void {
    const path = cleanName(entry.name)
    if (path === '') verifyRoot(entry)
    if (path === '' || isAufsMetadata(path)) return
    const { directory, base } = splitName(path)
    const parent = this.#parent(directory, entry)
    if (base.startsWith(whiteoutPrefix)) {
      this.#whiteouts.apply(base, parent)
      this.pathsChanged = true
    } else {
      this.make({ entry, path, parent, base })
      this.#whiteouts.created(parent, base)
    }
  }

  /** The directory that an entry goes into. Missing ones are made as Docker makes them: root's, 0755. */
  #parent(path: string, entry: TarEntry): Directory {
    const native = this.native
    const isFirst = this.#enter(path, entry)
    const directory = this.tree.directory(path, (parent, base, made) => {
      native.mkdirat(parent.fd, base, 0o700)
      native.chmodAt(parent.fd, base, 0o755)
      this.#whiteouts.created(parent, base)
      this.times.set((native.statAt(parent.fd, base) as Stat).ino, {
        path: made,
        atime: entry.mtime,
        mtime: entry.mtime,
      })
    })
    if (!isFirst || this.times.has(directory.inode)) return directory
    const { atime, mtime } = native.statAt(directory.fd, '') as Stat
    this.times.set(directory.inode, { path, atime, mtime })
    return directory
  }

  /** A directory of lower layers that this layer has something in is this layer's as well, as it would be in an overlay. */
  #enter(path: string, entry: TarEntry): boolean {
    if (this.#entered === undefined || this.#entered.has(path)) return false
    this.#entered.add(path)
    if (path === '') return true
    const { directory, base } = splitName(path)
    this.#whiteouts.created(this.#parent(directory, entry), base)
    return true
  }

  protected override pathOf(name: string): string {
    return cleanName(name)
  }

  protected override remove({ parent, base }: Place): void {
    removeEntry(this.native, parent, base)
  }

  protected override makeDirectory(place: Place): void {
    const { entry, path, parent, base } = place
    const native = this.native
    try {
      native.mkdirat(parent.fd, base, 0o700)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
      if (!isDirectory(native.statAt(parent.fd, base) as Stat)) this.#replaceByDirectory(place)
    }
    this.#setOwnerAndMode(place)
    const { ino } = native.statAt(parent.fd, base) as Stat
    const { mtime, atime = mtime } = entry
    this.times.set(ino, { path, atime, mtime, acl: entry.xattrs.get(defaultAcl) })
  }

  #replaceByDirectory(place: Place): void {
    const { parent, base } = place
    this.replacing(place, () => this.native.mkdirat(parent.fd, base, 0o700))
    this.#whiteouts.directoryReplacedFile(parent, base)
  }

  protected override settle(place: Place): void {
    const { entry, parent, base } = place
    this.#setOwnerAndMode(place)
    this.native.utimesAt(parent.fd, base, entry.atime ?? entry.mtime, entry.mtime)
  }

  #setOwnerAndMode({ entry, parent, base }: Place): void {
    const native = this.native
    native.chownAt(parent.fd, base, entry.uid, entry.gid)
    if (entry.kind !== 'symlink') native.chmodAt(parent.fd, base, entry.mode)
    for (const [name, value] of entry.xattrs) {
      if (isLayerXattr(name) && name !== defaultAcl) setXattr(native, parent.fd, base, name, value)
    }
  }
}
