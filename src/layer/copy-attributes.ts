import { fchmodSync, fchownSync } from 'node:fs'
import { type Native, S_IFLNK, S_IFMT, S_IFREG, type Stat } from '../host/index.js'
import type { LayerFormat } from './extractor.js'
import { isOverlayXattr, setXattr } from './xattrs.js'

/** A name in an open directory; with an empty name the descriptor's file itself. */
export interface Spot {
  readonly directory: number
  readonly name: string
}

export const opened = (descriptor: number): Spot => ({ directory: descriptor, name: '' })

/**
 * Gives a file another's owner, mode, extended attributes and times. A regular file is open.
 *
 * @param stat the other's
 * @param format of overlay layers the attributes of overlayfs stay behind
 */
export function copyAttributes(native: Native, from: Spot, to: Spot, stat: Stat, format: LayerFormat): void {
  const type = stat.mode & S_IFMT
  // In this order: a change of owner clears setuid and capabilities.
  if (type === S_IFREG) {
    fchownSync(to.directory, stat.uid, stat.gid)
    fchmodSync(to.directory, stat.mode & 0o7777)
  } else {
    native.chownAt(to.directory, to.name, stat.uid, stat.gid)
    if (type !== S_IFLNK) native.chmodAt(to.directory, to.name, stat.mode & 0o7777)
  }
  copyXattrs(native, from, to, format)
  native.utimesAt(to.directory, to.name, stat.atime, stat.mtime)
}

/** The extended attributes alone. */
export function copyXattrs(native: Native, from: Spot, to: Spot, format: LayerFormat): void {
  for (const attribute of native.listxattrAt(from.directory, from.name)) {
    if (format === 'overlay' && isOverlayXattr(attribute)) continue
    const value = native.getxattrAt(from.directory, from.name, attribute)
    if (value !== undefined) setXattr(native, to.directory, to.name, attribute, value)
  }
}

/** {@link copyAttributes} from one open directory to another. */
export function copyDirectoryAttributes(native: Native, from: number, to: number, format: LayerFormat): void {
  copyAttributes(native, opened(from), opened(to), native.statAt(from, '') as Stat, format)
}
