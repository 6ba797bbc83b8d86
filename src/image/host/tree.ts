import type { BigIntStats } from 'node:fs'
import { AT_FDCWD } from '../../host/index.js'
import type { Native, Time } from '../../host/native.js'
import type { PackEntry } from '../../layer/index.js'
import type { ImageFile, ImageFiles } from '../../snapshot/index.js'
import { followLinks } from './follow-links.js'
import { fileNotFound, type HostFiles, invalidPath } from './host-files.js'

type Node =
  | {
      readonly kind: 'directory'
      readonly mode: number
      readonly uid: number
      readonly gid: number
      readonly mtime: Time | undefined
    }
  | { readonly kind: 'symlink'; readonly target: string; readonly mtime: Time }
  | {
      readonly kind: 'file'
      readonly source: string
      readonly mode: number
      readonly uid: number
      readonly gid: number
      readonly mtime: Time | undefined
      readonly capabilities: Uint8Array | undefined
    }

type Directory = Extract<Node, { kind: 'directory' }>

const ownDirectory: Directory = { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: undefined }

/**
 * The files of an image in the making, by their path in it: `/usr/bin/node`. Over a base they are those of one more layer:
 * what the base has is where paths lead to, and its directories stay what they are.
 */
export class ImageTree {
  readonly #files: HostFiles
  readonly #native: Pick<Native, 'getxattrAt'>
  readonly #base: Pick<ImageFiles, 'lookup'> | undefined
  readonly #nodes = new Map<string, Node>()

  constructor(files: HostFiles, native: Pick<Native, 'getxattrAt'>, base?: Pick<ImageFiles, 'lookup'>) {
    this.#files = files
    this.#native = native
    this.#base = base
  }

  has(path: string): boolean {
    return this.#at(path) !== undefined
  }

  /** A directory of our own; an existing one is left. */
  directory(path: string, mode = 0o755): void {
    const real = this.#resolve(path)
    if (real === '/' || this.#at(real)?.kind === 'directory') return
    this.#put(real, { ...ownDirectory, mode })
  }

  /** A text of our own that is in a file of the host. */
  generated(path: string, source: string, mode = 0o644): void {
    this.#put(this.#resolve(path), {
      kind: 'file',
      source,
      mode,
      uid: 0,
      gid: 0,
      mtime: undefined,
      capabilities: undefined,
    })
  }

  /** A symlink of the host, in the place where it is there. Where a base has a directory, that stays. */
  link(path: string): void {
    const stat = this.#files.stat(path)
    if (!stat) return
    const place = this.#resolve(path, false)
    const isKept = this.#base !== undefined && this.#at(this.#resolve(place))?.kind === 'directory'
    if (!isKept) this.#put(place, { kind: 'symlink', target: this.#files.readlink(path), mtime: timeOf(stat) })
  }

  /** A file of the host in the same place, with every symlink that leads to it; its real path. */
  hostFile(path: string): string {
    const links: string[] = []
    const real = this.#files.realpath(path, (link) => links.push(link))
    if (real === undefined) throw missing(path)
    for (const link of links) this.link(link)
    const place = this.#resolve(real, false)
    this.#copy(real, place, undefined)
    this.#lead(path, real, place)
    return real
  }

  /** What is at a path of the host in the same place: as {@link hostFile}, but links that lead nowhere are just links. */
  match(path: string): boolean {
    const real = this.#files.realpath(path)
    const kind = real === undefined ? undefined : this.#files.stat(real)
    if (kind?.isFile() || kind?.isDirectory()) this.hostFile(path)
    else if (this.#files.stat(path)?.isSymbolicLink()) this.link(path)
    else return false
    return true
  }

  /** A file, or a directory with all that is in it, of the host in another place. Symlinks inside are kept as they are. */
  copy(source: string, target: string, mode?: number): void {
    const real = this.#files.realpath(source)
    if (real === undefined) throw missing(source)
    this.#copy(real, this.#resolve(target), mode)
  }

  /** For a layer, parents first. Our own entries get the time of the newest file. */
  entries(): { entries: PackEntry[]; newest: Time } {
    const newest = [...this.#nodes.values()].flatMap(({ mtime }) => (mtime ? [mtime] : [])).reduce(later, [0, 0])
    const paths = [...this.#nodes.keys()].sort(byComponents)
    return { entries: paths.map((path) => toEntry(path.slice(1), this.#nodes.get(path) as Node, newest)), newest }
  }

  /** Where directories of a base are not laid out as the host's, a path of the host may not lead to its file. */
  #lead(path: string, real: string, place: string): void {
    const reached = this.#resolve(path)
    if (reached === place) return
    if (this.#at(reached)?.kind === 'directory') this.#copy(real, reached, undefined)
    else this.#put(reached, { kind: 'symlink', target: place, mtime: timeOf(this.#files.stat(real) as BigIntStats) })
  }

  #copy(source: string, target: string, mode: number | undefined): void {
    const stat = this.#files.stat(source) as BigIntStats
    if (stat.isDirectory()) this.#copyDirectory(source, target, stat, mode)
    else if (stat.isFile()) this.#copyFile(source, target, stat, mode)
    else if (!stat.isSymbolicLink()) throw invalidPath(`${source} is neither a file nor a directory`, source)
    else this.#put(target, { kind: 'symlink', target: this.#files.readlink(source), mtime: timeOf(stat) })
  }

  #copyFile(source: string, target: string, stat: BigIntStats, mode: number | undefined): void {
    this.#put(target, {
      kind: 'file',
      source,
      mode: mode ?? Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: timeOf(stat),
      capabilities: this.#native.getxattrAt(AT_FDCWD, source, 'security.capability'),
    })
  }

  #copyDirectory(source: string, target: string, stat: BigIntStats, mode: number | undefined): void {
    if (target !== '/') {
      const owner = { uid: Number(stat.uid), gid: Number(stat.gid) }
      const copied = { mode: mode ?? Number(stat.mode) & 0o7777, ...owner, mtime: timeOf(stat) }
      this.#put(target, { kind: 'directory', ...copied, ...(mode === undefined && this.#baseDirectory(target)) })
    }
    for (const name of this.#files.list(source)) {
      const child = this.#files.stat(`${source}/${name}`)
      // Sockets, pipes and devices belong to what runs on the host.
      if (child?.isFile() || child?.isDirectory() || child?.isSymbolicLink()) {
        this.#copy(`${source}/${name}`, this.#resolve(`${target}/${name}`, child.isDirectory()), undefined)
      }
    }
  }

  #put(path: string, node: Node): void {
    if (path === '/') throw invalidPath('the root of an image cannot be a file', path)
    const existing = this.#at(path)
    if (existing?.kind === 'directory' && node.kind !== 'directory')
      throw invalidPath(`${path} of the image is a directory already`, path)
    for (let parent = parentOf(path); parent !== '/'; parent = parentOf(parent)) {
      const above = this.#at(parent)
      if (above && above.kind !== 'directory')
        throw invalidPath(`${parent} of the image is not a directory, but ${path} needs it`, path)
      if (!this.#nodes.has(parent)) this.#nodes.set(parent, this.#baseDirectory(parent) ?? ownDirectory)
    }
    this.#nodes.set(path, node)
  }

  #at(path: string): Node | ImageFile | undefined {
    return this.#nodes.get(path) ?? this.#base?.lookup(path)
  }

  /** As the layer has to repeat it. Its time is not repeated: not every extractor keeps it. */
  #baseDirectory(path: string): Directory | undefined {
    const found = this.#base?.lookup(path)
    return found?.kind === 'directory' ? { ...found, mtime: undefined } : undefined
  }

  /** Where a path leads in the image, its symlinks followed; the last one only with `last`. */
  #resolve(path: string, last = true): string {
    if (!path.startsWith('/')) throw invalidPath(`${JSON.stringify(path)} is not an absolute path`, path)
    const real = followLinks(path, (place, isLast) => {
      const node = this.#at(place)
      const isFollowed = node?.kind === 'symlink' && (last || !isLast)
      return isFollowed ? { kind: 'link', target: node.target } : { kind: 'here' }
    })
    if (real === undefined) throw invalidPath(`${path} of the image is a loop of symlinks`, path)
    return real
  }
}

function toEntry(name: string, node: Node, newest: Time): PackEntry {
  switch (node.kind) {
    case 'directory':
      return { kind: 'directory', name, mode: node.mode, uid: node.uid, gid: node.gid, mtime: node.mtime ?? newest }
    case 'symlink':
      return { kind: 'symlink', name, linkname: node.target, mode: 0o777, mtime: node.mtime }
    case 'file': {
      const { source, mode, uid, gid, mtime = newest, capabilities } = node
      const xattrs = capabilities && { xattrs: new Map([['security.capability', capabilities]]) }
      return { kind: 'file', name, source, mode, uid, gid, mtime, ...xattrs }
    }
    default:
      throw new Error(`unreachable: ${node satisfies never}`)
  }
}

/** A directory before what is in it, and all of that before its next neighbour. */
function byComponents(a: string, b: string): number {
  const [left, right] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')]
  return left < right ? -1 : 1
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function timeOf({ mtimeNs }: BigIntStats): Time {
  const seconds = mtimeNs >= 0n ? mtimeNs / 1_000_000_000n : -((999_999_999n - mtimeNs) / 1_000_000_000n)
  return [Number(seconds), Number(mtimeNs - seconds * 1_000_000_000n)]
}

function later(a: Time, b: Time): Time {
  return b[0] > a[0] || (b[0] === a[0] && b[1] > a[1]) ? b : a
}

function missing(path: string): Error {
  return fileNotFound(`${path} does not exist on this host`, { path })
}
