import { closeSync } from 'node:fs'
import { DT_DIR, DT_SOCK, type Native, type Stat } from '../host/index.js'
import type { Comparison } from './compare.js'
import { isErrno } from './layer-errors.js'
import { isOpaque, LayeredDirectory, openDirectory, openRoot } from './layered-directory.js'
import { checkPathLength } from './names.js'
import { isLayerXattr, opaqueXattr } from './xattrs.js'

/**
 * Brings the writable layer of an overlay that nobody has mounted to what its archive would be extracted to, so that it can
 * become a layer itself: without sockets, what the kernel has noted for a mount, and attributes that no layer has. The kernel
 * makes every new directory opaque: only what hides something stays so.
 *
 * @param latest no file is newer: seconds since the epoch; undefined: they are as old as they are
 */
export function settleUpper(
  native: Native,
  { own, base }: Pick<Comparison, 'own' | 'base'>,
  latest: number | undefined,
  checkpoint: () => void,
): void {
  const root = openRoot(native, own)
  if (root === undefined) return
  try {
    const below = LayeredDirectory.open(native, base)
    try {
      new Settler(native, latest, checkpoint).entries(root, below, '')
    } finally {
      below.close()
    }
    // No archive says anything of its root.
    native.chownAt(root, '', 0, 0)
    native.chmodAt(root, '', 0o755)
    for (const attribute of native.listxattrAt(root, '')) removeXattr(native, root, '', attribute)
  } finally {
    closeSync(root)
  }
}

class Settler {
  readonly #native: Native
  readonly #latest: number | undefined
  readonly #checkpoint: () => void

  constructor(native: Native, latest: number | undefined, checkpoint: () => void) {
    this.#native = native
    this.#latest = latest
    this.#checkpoint = checkpoint
  }

  /** @param below what the layers below have there; undefined: nothing that shows */
  entries(directory: number, below: LayeredDirectory | undefined, above: string): void {
    for (const { name, type } of this.#native.readDirectory(directory)) {
      this.#checkpoint()
      if (type === DT_SOCK) this.#native.unlinkat(directory, name, false)
      else if (type === DT_DIR) this.#directory(directory, name, below, `${above}/${name}`)
      else this.#entry(directory, name)
    }
  }

  #directory(parent: number, name: string, above: LayeredDirectory | undefined, path: string): void {
    checkPathLength(path)
    const opened = openDirectory(this.#native, parent, name)
    if (opened === undefined) return
    const below = above?.enter(name)
    try {
      // Before anything in it is touched.
      const stat = this.#native.statAt(opened, '') as Stat
      const isHiding = isOpaque(this.#native, opened)
      this.entries(opened, isHiding ? undefined : below, path)
      this.#xattrs(opened, '', isHiding && below !== undefined)
      this.#times(opened, '', stat, true)
    } finally {
      below?.close()
      closeSync(opened)
    }
  }

  #entry(directory: number, name: string): void {
    this.#xattrs(directory, name, false)
    const stat = this.#latest === undefined ? undefined : this.#native.statAt(directory, name)
    if (stat) this.#times(directory, name, stat, false)
  }

  #xattrs(directory: number, name: string, isHiding: boolean): void {
    for (const attribute of this.#native.listxattrAt(directory, name))
      if (!isLayerXattr(attribute) && !(isHiding && attribute === opaqueXattr.name))
        removeXattr(this.#native, directory, name, attribute)
  }

  #times(directory: number, name: string, { atime, mtime }: Stat, isTouched: boolean): void {
    const latest = this.#latest
    if (latest !== undefined && isAfter(mtime, latest))
      this.#native.utimesAt(directory, name, isAfter(atime, latest) ? [latest, 0] : atime, [latest, 0])
    else if (isTouched) this.#native.utimesAt(directory, name, atime, mtime)
  }
}

const isAfter = ([seconds, nanoseconds]: Stat['mtime'], latest: number) =>
  seconds > latest || (seconds === latest && nanoseconds > 0)

/** What the host's policy keeps there stays. */
function removeXattr(native: Native, directory: number, name: string, attribute: string): void {
  try {
    native.removexattrAt(directory, name, attribute)
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES', 'ENODATA', 'ENOTSUP', 'EOPNOTSUPP')) throw error
  }
}
