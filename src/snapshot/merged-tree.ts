import { closeSync, readSync } from 'node:fs'
import { LayerError } from '../errors/index.js'
import {
  AT_FDCWD,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
} from '../host/index.js'
import { exactly, isOpaque, isWhiteout } from '../layer/index.js'

/** Something found in a stack of layers. */
export interface Found {
  /** Its path in the merged tree: no symlinks in it, no leading slash; `''` is the root. */
  readonly path: string
  readonly stat: Stat
  /** The layers that have it, top first: one for a file; for a directory all whose entries show. */
  readonly layers: readonly number[]
}

const maxSymlinks = 40
/** What a path of a tree that changes or misleads can say; to a lookup it means that there is nothing. */
const absent = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EXDEV', 'ENXIO'])

/**
 * Looks things up in overlay layers as the kernel would show them mounted, without mounting: whiteouts and opaque
 * directories hide, symlinks are resolved as if the merged tree were the root. The content is hostile: nothing is opened
 * but by descriptor, below its layer, and never through a symlink.
 */
export class MergedTree {
  readonly #native: Native
  readonly #layers: number[] = []

  /** @param layers directories, top first; one alone is a plain tree. Missing ones are empty */
  constructor(native: Native, layers: readonly string[]) {
    this.#native = native
    try {
      for (const layer of layers) this.#layers.push(this.#openLayer(layer))
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    for (const fd of this.#layers.splice(0)) if (fd >= 0) closeSync(fd)
  }

  /** Follows symlinks, the last component's too unless told not to. Undefined for what does not exist, loops or leads through a file. */
  lookup(path: string, { followLast = true } = {}): Found | undefined {
    const root = this.#root()
    const trail: Found[] = [root]
    const pending = path.split('/').reverse()
    for (let symlinks = 0; pending.length > 0; ) {
      const component = pending.pop() as string
      const current = trail.at(-1) as Found
      if (component === '' || component === '.') continue
      if (!isType(current, S_IFDIR)) return undefined
      if (component === '..') {
        if (trail.length > 1) trail.pop()
        continue
      }
      const found = this.#child(current, component)
      if (found === undefined) return undefined
      const isLast = !pending.some((rest) => rest !== '')
      if (!isType(found, S_IFLNK) || (isLast && !followLast)) {
        trail.push(found)
        continue
      }
      const target = this.readlink(found)
      if (target === undefined || ++symlinks > maxSymlinks) return undefined
      if (target.startsWith('/')) trail.length = 1
      pending.push(...target.split('/').reverse())
    }
    return trail.at(-1)
  }

  /**
   * A regular file's content; undefined when there is none.
   *
   * @throws LayerError LAYER_TOO_LARGE when it is longer than `maxBytes`
   */
  readFile(path: string, maxBytes: number): Buffer | undefined {
    const found = this.lookup(path)
    if (found === undefined || !isType(found, S_IFREG)) return undefined
    const fd = this.#open(found, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    if (fd === undefined) return undefined
    try {
      const stat = this.#native.statAt(fd, '') as Stat
      return (stat.mode & S_IFMT) === S_IFREG ? readBounded(fd, path, stat.size, maxBytes) : undefined
    } finally {
      closeSync(fd)
    }
  }

  /** Extended attributes of a found thing, from the topmost layer that has it. */
  xattrs(found: Found): Map<string, Uint8Array> {
    const xattrs = new Map<string, Uint8Array>()
    const fd = this.#open(found, O_PATH | O_NOFOLLOW)
    if (fd === undefined) return xattrs
    try {
      for (const name of this.#native.listxattrAt(fd, '')) {
        const value = this.#native.getxattrAt(fd, '', name)
        if (value !== undefined) xattrs.set(name, value)
      }
      return xattrs
    } finally {
      closeSync(fd)
    }
  }

  #openLayer(path: string): number {
    try {
      return this.#native.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0)
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return -1
      throw error
    }
  }

  #root(): Found {
    const layers = this.#layers.flatMap((fd, index) => (fd >= 0 ? [index] : []))
    const top = this.#layers[layers[0] ?? -1]
    const stat = top === undefined ? emptyDirectory : (this.#native.statAt(top, '') as Stat)
    return { path: '', stat, layers: this.#untilOpaque('', layers) }
  }

  /** The layers whose entries show in a directory: none below an opaque one. */
  #untilOpaque(path: string, layers: readonly number[]): number[] {
    const opaque = layers.findIndex((layer) => this.#isOpaque(layer, path))
    return opaque < 0 ? [...layers] : layers.slice(0, opaque + 1)
  }

  #child(directory: Found, name: string): Found | undefined {
    const path = directory.path === '' ? name : `${directory.path}/${name}`
    const layers: number[] = []
    let top: Stat | undefined
    for (const layer of directory.layers) {
      const stat = this.#stat(layer, path)
      if (stat === undefined) continue
      const isDirectory = (stat.mode & S_IFMT) === S_IFDIR
      if (isWhiteout(stat) || (top !== undefined && !isDirectory)) break
      top ??= stat
      layers.push(layer)
      if (!isDirectory || this.#isOpaque(layer, path)) break
    }
    return top === undefined ? undefined : { path, stat: top, layers }
  }

  #isOpaque(layer: number, path: string): boolean {
    const fd = this.#openIn(layer, path, O_PATH | O_NOFOLLOW)
    if (fd === undefined) return false
    try {
      return isOpaque(this.#native, fd)
    } finally {
      closeSync(fd)
    }
  }

  #stat(layer: number, path: string): Stat | undefined {
    const fd = this.#openIn(layer, path, O_PATH | O_NOFOLLOW)
    if (fd === undefined) return undefined
    try {
      return this.#native.statAt(fd, '')
    } finally {
      closeSync(fd)
    }
  }

  /** Where a found symlink leads to. */
  readlink(found: Found): string | undefined {
    const fd = this.#open(found, O_PATH | O_NOFOLLOW)
    if (fd === undefined) return undefined
    try {
      return this.#native.readlinkAt(fd, '')
    } finally {
      closeSync(fd)
    }
  }

  #open(found: Found, flags: number): number | undefined {
    const [layer] = found.layers
    return layer === undefined ? undefined : this.#openIn(layer, found.path, flags)
  }

  #openIn(layer: number, path: string, flags: number): number | undefined {
    try {
      return this.#native.openat2(this.#layers[layer] as number, path === '' ? '.' : path, flags, 0, exactly)
    } catch (error) {
      if (absent.has((error as { code: string }).code)) return undefined
      throw error
    }
  }
}

const emptyDirectory: Stat = {
  mode: S_IFDIR | 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  blocks: 0,
  nlink: 2,
  dev: 0,
  ino: 0,
  major: 0,
  minor: 0,
  mtime: [0, 0],
  atime: [0, 0],
}

function isType(found: Found, type: number): boolean {
  return (found.stat.mode & S_IFMT) === type
}

// The size is only a hint: a running container may append meanwhile.
function readBounded(fd: number, path: string, size: number, maxBytes: number): Buffer {
  const buffer = Buffer.alloc(Math.min(size, maxBytes) + 1)
  let length = 0
  for (let read = -1; read !== 0 && length < buffer.length; length += read)
    read = readSync(fd, buffer, length, buffer.length - length, null)
  if (length <= maxBytes) return buffer.subarray(0, length)
  throw new LayerError(`${path} of the image is longer than ${maxBytes} bytes.`, {
    code: 'LAYER_TOO_LARGE',
    details: { path, maxBytes },
  })
}
