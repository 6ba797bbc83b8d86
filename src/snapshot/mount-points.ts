import { closeSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import {
  AT_FDCWD,
  type Native,
  native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  type Stat,
} from '../host/index.js'
import { exactly, isOpaque } from '../layer/index.js'
import { initPlaces } from './init-layer.js'
import { MergedTree } from './merged-tree.js'

/**
 * Of the places of mounts those that files lack, so that a start makes them.
 *
 * @param layers directories, top first
 * @param paths absolute, as a container names them
 * @returns real paths below the root, each before what is in it
 */
export function missingPlaces(layers: readonly string[], paths: readonly string[]): string[] {
  if (paths.length === 0) return []
  const files = new MergedTree(native(), layers)
  try {
    const missing = new Set(paths.flatMap((path) => missingOf(files, path)))
    return [...missing].filter((place) => !initPlaces.has(`/${place}`))
  } finally {
    files.close()
  }
}

/** A symlink that leads nowhere has something made where it leads: that is left. */
function missingOf(files: MergedTree, path: string): string[] {
  const names = path.split('/').filter((name) => name !== '')
  let real = ''
  for (const index of names.keys()) {
    const prefix = names.slice(0, index + 1).join('/')
    const found = files.lookup(prefix)
    if (found === undefined && files.lookup(prefix, { followLast: false })) return []
    if (found === undefined) return below(real, names.slice(index))
    real = found.path
  }
  return []
}

function below(directory: string, names: readonly string[]): string[] {
  let path = directory
  return names.map((name) => {
    path = path === '' ? name : `${path}/${name}`
    return path
  })
}

/**
 * Removes places of mounts that nobody has put anything into, and in the writable layer of an overlay the directories that
 * are there for those alone. Nobody has the files mounted any more.
 *
 * @param own the container's files
 * @param places of {@link missingPlaces}
 * @param base the layers below a writable one, top first; none of files that are whole
 */
export function removePlaces(own: string, places: readonly string[], base: readonly string[]): void {
  if (places.length === 0) return
  const root = open(native(), AT_FDCWD, own, 0)
  if (root === undefined) return
  const files = new MergedTree(native(), base)
  try {
    for (const place of places.toReversed())
      if (removePlace(native(), root, place) && base.length > 0) removeUnchanged(native(), root, files, dirname(place))
  } finally {
    files.close()
    closeSync(root)
  }
}

function removePlace(addon: Native, root: number, place: string): boolean {
  return within(addon, root, dirname(place), (parent) => {
    const name = place.slice(place.lastIndexOf('/') + 1)
    const stat = addon.statAt(parent, name)
    if (stat === undefined) return false
    if (isDirectory(stat)) return removeEmpty(addon, parent, name)
    if ((stat.mode & S_IFMT) !== S_IFREG || stat.size > 0 || stat.nlink > 1) return false
    addon.unlinkat(parent, name, false)
    return true
  })
}

/** Directories that are in the layer only because something was made in them, and was removed again. */
function removeUnchanged(addon: Native, root: number, base: MergedTree, path: string): void {
  for (let at = path; at !== '.'; at = dirname(at)) {
    const isSame = within(addon, root, at, (directory) => isUnchanged(addon, directory, base, at))
    const name = at.slice(at.lastIndexOf('/') + 1)
    if (!isSame || !within(addon, root, dirname(at), (parent) => removeEmpty(addon, parent, name))) return
  }
}

function isUnchanged(addon: Native, directory: number, base: MergedTree, path: string): boolean {
  const was = base.lookup(path, { followLast: false })
  if (was === undefined || isOpaque(addon, directory)) return false
  const { mode, uid, gid } = addon.statAt(directory, '') as Stat
  if (mode !== was.stat.mode || uid !== was.stat.uid || gid !== was.stat.gid) return false
  const own = new Map(addon.listxattrAt(directory, '').map((name) => [name, addon.getxattrAt(directory, '', name)]))
  return textOf(own) === textOf(base.xattrs(was))
}

/** Those that are not the kernel's notes of a mount. */
function textOf(xattrs: ReadonlyMap<string, Uint8Array | undefined>): string {
  const all = [...xattrs].filter(([name]) => !name.startsWith('trusted.'))
  return JSON.stringify(all.map(([name, value]) => [name, Buffer.from(value ?? []).toString('latin1')]).sort())
}

function removeEmpty(addon: Native, parent: number, name: string): boolean {
  try {
    addon.unlinkat(parent, name, true)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes((error as { code: string }).code)) return false
    throw error
  }
}

function within(addon: Native, root: number, path: string, body: (directory: number) => boolean): boolean {
  const directory = open(addon, root, path, exactly)
  if (directory === undefined) return false
  try {
    return body(directory)
  } finally {
    closeSync(directory)
  }
}

function open(addon: Native, directory: number, path: string, resolve: number): number | undefined {
  try {
    return addon.openat2(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, resolve)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as { code: string }).code)) return undefined
    throw error
  }
}

const isDirectory = ({ mode }: Stat) => (mode & S_IFMT) === S_IFDIR
