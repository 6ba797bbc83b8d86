import { closeSync } from 'node:fs'
import { DT_DIR, DT_SOCK, type Native, type Stat } from '../host/index.js'
import { isErrno } from './layer-errors.js'
import { openDirectory, openRoot } from './layered-directory.js'
import { checkPathLength } from './names.js'
import { isDirectory } from './tree.js'
import { isLayerXattr, opaqueXattr } from './xattrs.js'

/**
 * Brings the writable layer of an overlay that nobody has mounted to what its archive would be extracted to, so that it can
 * become a layer itself: without sockets, what the kernel has noted for a mount, and attributes that no layer has.
 *
 * @param latest no file is newer: seconds since the epoch; undefined: they are as old as they are
 */
export function settleUpper(native: Native, path: string, latest: number | undefined, checkpoint: () => void): void {
  const root = openRoot(native, path)
  if (root === undefined) return
  try {
    settleEntries(root, '')
    // No archive says anything of its root.
    native.chownAt(root, '', 0, 0)
    native.chmodAt(root, '', 0o755)
    settleXattrs(root, '', () => false)
  } finally {
    closeSync(root)
  }

  function settleEntries(directory: number, above: string): void {
    for (const { name, type } of native.readDirectory(directory)) {
      checkpoint()
      if (type === DT_SOCK) native.unlinkat(directory, name, false)
      else if (type === DT_DIR) settleDirectory(directory, name, `${above}/${name}`)
      else settleEntry(directory, name)
    }
  }

  /** Its times are looked at before anything in it is touched. */
  function settleDirectory(parent: number, name: string, path: string): void {
    checkPathLength(path)
    const opened = openDirectory(native, parent, name)
    if (opened === undefined) return
    try {
      const stat = native.statAt(opened, '') as Stat
      settleEntries(opened, path)
      settleXattrs(opened, '', isKept)
      settleTimes(opened, '', stat, isDirectory(stat))
    } finally {
      closeSync(opened)
    }
  }

  function settleEntry(directory: number, name: string): void {
    settleXattrs(directory, name, isKept)
    if (latest === undefined) return
    const stat = native.statAt(directory, name)
    if (stat) settleTimes(directory, name, stat, false)
  }

  function settleTimes(directory: number, name: string, { atime, mtime }: Stat, isTouched: boolean): void {
    const isLate = latest !== undefined && isAfter(mtime, latest)
    if (isLate) native.utimesAt(directory, name, isAfter(atime, latest) ? [latest, 0] : atime, [latest, 0])
    else if (isTouched) native.utimesAt(directory, name, atime, mtime)
  }

  function settleXattrs(directory: number, name: string, isKept: (attribute: string) => boolean): void {
    for (const attribute of native.listxattrAt(directory, name))
      if (!isKept(attribute)) removeXattr(native, directory, name, attribute)
  }
}

const isKept = (attribute: string) => isLayerXattr(attribute) || attribute === opaqueXattr.name

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
