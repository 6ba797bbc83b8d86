import { closeSync } from 'node:fs'
import {
  AT_FDCWD,
  type Native,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFMT,
} from '../host/index.js'
import type { Found, MergedTree } from './merged-tree.js'

interface InitEntry {
  readonly directory: string
  readonly name: string
  readonly kind: 'directory' | 'file' | 'mtab'
}

/** Docker's list: the places of mounts, and the mark by which programs know that they run in a container. */
const initEntries: readonly InitEntry[] = [
  { directory: '/', name: '.dockerenv', kind: 'file' },
  { directory: '/', name: 'proc', kind: 'directory' },
  { directory: '/', name: 'sys', kind: 'directory' },
  { directory: '/dev', name: 'pts', kind: 'directory' },
  { directory: '/dev', name: 'shm', kind: 'directory' },
  { directory: '/dev', name: 'console', kind: 'file' },
  { directory: '/etc', name: 'hosts', kind: 'file' },
  { directory: '/etc', name: 'hostname', kind: 'file' },
  { directory: '/etc', name: 'resolv.conf', kind: 'file' },
  { directory: '/etc', name: 'mtab', kind: 'mtab' },
]

/** What every container has for its mounts, whatever its image has. */
export const initPlaces: ReadonlySet<string> = new Set([
  '/dev',
  '/etc',
  ...initEntries.map(({ directory, name }) => `${directory}/${name}`.replace('//', '/')),
])

const below = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS

/**
 * Fills `target` with what goes between an image and its containers. As in Docker, files of the image under these names
 * are hidden by new ones, directories are left; unlike there, a symlinked /etc or /dev is followed inside the image.
 *
 * @param target an empty directory that becomes an overlay layer, or the image's own copy (vfs)
 */
export function fillInitLayer(native: Native, image: MergedTree, target: string): void {
  const root = native.openat2(AT_FDCWD, target, O_RDONLY | O_DIRECTORY, 0, 0)
  try {
    for (const directory of ['/', '/dev', '/etc']) {
      const parent = makeParent(native, image, root, directory)
      for (const entry of initEntries)
        if (entry.directory === directory) fillEntry(native, image, root, parent.path, entry)
      if (parent.model !== undefined) restoreTimes(native, root, parent.model)
    }
  } finally {
    closeSync(root)
  }
}

/** Makes the real directory behind a path, with the attributes that the image gives it. */
function makeParent(
  native: Native,
  image: MergedTree,
  root: number,
  path: string,
): { path: string; model: Found | undefined } {
  const found = image.lookup(path)
  const model = found !== undefined && (found.stat.mode & S_IFMT) === S_IFDIR ? found : undefined
  const real = model?.path ?? path.slice(1)
  let parent = ''
  for (const component of real.split('/').filter((part) => part !== '')) {
    const own = parent === '' ? component : `${parent}/${component}`
    makeDirectory(native, image, root, parent, component, model && image.lookup(own))
    parent = own
  }
  return { path: real, model }
}

function makeDirectory(
  native: Native,
  image: MergedTree,
  root: number,
  parent: string,
  name: string,
  model: Found | undefined,
): void {
  const directory = openBelow(native, root, parent)
  try {
    const existing = native.statAt(directory, name)
    if (existing !== undefined && (existing.mode & S_IFMT) === S_IFDIR) return
    // A file or dangling symlink in the way, in the image's own copy.
    if (existing !== undefined) native.unlinkat(directory, name, false)
    native.mkdirat(directory, name, 0o755)
    native.chownAt(directory, name, model?.stat.uid ?? 0, model?.stat.gid ?? 0)
    native.chmodAt(directory, name, (model?.stat.mode ?? 0o755) & 0o7777)
    for (const [attribute, value] of model === undefined ? [] : image.xattrs(model)) {
      if (!attribute.startsWith('trusted.')) native.setxattrAt(directory, name, attribute, value)
    }
  } finally {
    closeSync(directory)
  }
}

function fillEntry(native: Native, image: MergedTree, root: number, parent: string, { name, kind }: InitEntry): void {
  const inImage = image.lookup(`${parent}/${name}`)
  if (inImage !== undefined && (inImage.stat.mode & S_IFMT) === S_IFDIR) return
  const directory = openBelow(native, root, parent)
  try {
    if (native.statAt(directory, name) !== undefined) native.unlinkat(directory, name, false)
    if (kind === 'directory') {
      native.mkdirat(directory, name, 0o755)
      native.chmodAt(directory, name, 0o755)
    } else if (kind === 'mtab') {
      native.symlinkat('/proc/mounts', directory, name)
    } else {
      closeSync(native.openat2(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o755, below))
      native.chmodAt(directory, name, 0o755)
    }
  } finally {
    closeSync(directory)
  }
}

/** A directory looks as in the image, although things were made in it. */
function restoreTimes(native: Native, root: number, { path, stat }: Found): void {
  const directory = openBelow(native, root, path)
  try {
    native.utimesAt(directory, '', stat.atime, stat.mtime)
  } finally {
    closeSync(directory)
  }
}

function openBelow(native: Native, root: number, path: string): number {
  return native.openat2(root, path === '' ? '.' : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, below)
}
