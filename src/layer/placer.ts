import { closeSync, fchmodSync, fchownSync, openSync, readSync } from 'node:fs'
import { quoted } from '../errors/printable.js'
import {
  type Native,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
  type Time,
  withDescriptor,
} from '../host/index.js'
import { copyContent } from './copy-content.js'
import { invalidLayer } from './layer-errors.js'
import { ifThere } from './layered-directory.js'
import { changeMode } from './mode-change.js'
import { splitName } from './names.js'
import { type Owner, type PlacedDirectory, type PlacedFile, type PlaceRequest, placedKinds } from './place-jobs.js'
import type { PlaceTarget } from './place-target.js'
import { isLayerXattr, setXattr } from './xattrs.js'

/** What a file is given by what it is copied from. */
interface Attributes {
  readonly owner: Owner
  readonly mode: number
  readonly mtime: Time
  readonly xattrs: readonly (readonly [name: string, value: Uint8Array])[]
}

/** How the file that is copied was opened. */
interface Opened {
  /** Whether not as a place only. */
  readonly isReadable?: boolean
  /** In place of those that it has. */
  readonly permissions?: number | undefined
}

/** Directories get theirs when all that is in them is made, which would change their times. */
interface Pending {
  readonly path: string
  /** Absent: only the time is set, of a directory that was there. */
  readonly attributes: Attributes | undefined
  readonly mtime: Time
}

const types = {
  [placedKinds.file]: S_IFREG,
  [placedKinds.directory]: S_IFDIR,
  [placedKinds.symlink]: S_IFLNK,
  [placedKinds.character]: S_IFCHR,
  [placedKinds.block]: S_IFBLK,
  [placedKinds.fifo]: S_IFIFO,
  [placedKinds.parent]: S_IFDIR,
  [placedKinds.implied]: S_IFDIR,
} as const

/** Below that a file is read and written as a whole, in half of the calls. */
const smallBytes = 32 * 1024

/** Copies the files of one source: its owners, modes, times, hard links and holes, where nobody asks for others. */
export class Placer {
  readonly #native: Native
  readonly #target: PlaceTarget
  readonly #request: PlaceRequest
  readonly #from: PlacedFile | PlacedDirectory
  readonly #checkpoint: () => void
  /** Where files with several names were copied to first. */
  readonly #linked = new Map<string, string>()
  readonly #pending: Pending[] = []
  readonly #buffer = Buffer.allocUnsafe(smallBytes)

  constructor(
    native: Native,
    target: PlaceTarget,
    request: PlaceRequest,
    from: PlacedFile | PlacedDirectory,
    checkpoint: () => void,
  ) {
    this.#native = native
    this.#target = target
    this.#request = request
    this.#from = from
    this.#checkpoint = checkpoint
  }

  /** Anything but a directory, at a path whose directory is there. */
  placeFile({ path, permissions }: PlacedFile, at: string): void {
    this.#opened(path, (place, stat) => this.#place(place, stat, at, { permissions }))
  }

  /** What is in a directory, in one that is there. */
  placeContents({ paths, kinds }: PlacedDirectory, at: string): void {
    const [top = ''] = paths
    const skip = top === '' ? 0 : top.length + 1
    this.#opened(top === '' ? '.' : top, (_, { mtime }) =>
      this.#pending.push({ path: at, attributes: undefined, mtime }),
    )
    for (let index = 1; index < paths.length; index++) {
      this.#checkpoint()
      const path = paths[index] as string
      const name = path.slice(skip)
      this.#placeEntry(path, kinds[index] as keyof typeof types, at === '' ? name : `${at}/${name}`)
    }
    this.#settleDirectories()
  }

  #placeEntry(path: string, kind: keyof typeof types, at: string): void {
    const isReadable = this.#from.isFixed && kind === placedKinds.file
    const flags = isReadable ? O_RDONLY | O_NONBLOCK | O_NOFOLLOW : O_PATH | O_NOFOLLOW
    this.#opened(
      path,
      (place, stat) => {
        if ((stat.mode & S_IFMT) !== types[kind]) throw changed(path)
        if (types[kind] === S_IFDIR) this.#placeDirectory(place, stat, kind, at)
        else this.#place(place, stat, at, { isReadable })
      },
      flags,
    )
  }

  #placeDirectory(place: number, stat: Stat, kind: keyof typeof types, at: string): void {
    const isMade = this.#target.makeDirectory(at)
    if (kind === placedKinds.parent && !isMade) {
      this.#native.chmodAt(this.#target.directory(at).fd, '', stat.mode & 0o7777)
      return
    }
    const permissions = kind === placedKinds.implied ? 0o755 : undefined
    this.#pending.push({ path: at, attributes: this.#attributes(place, stat, permissions), mtime: stat.mtime })
  }

  #place(place: number, stat: Stat, at: string, opened: Opened): void {
    const type = stat.mode & S_IFMT
    const key = `${stat.dev}:${stat.ino}`
    const first = stat.nlink > 1 ? this.#linked.get(key) : undefined
    if (first !== undefined) {
      this.#link(first, at)
      return
    }
    if (stat.nlink > 1) this.#linked.set(key, at)
    if (type === S_IFREG) this.#copyFile(place, stat, at, opened)
    else if (type === S_IFLNK) this.#copyLink(place, stat, at)
    else if (type !== S_IFDIR) this.#copyNode(place, stat, at)
    else throw changed(at)
  }

  #link(first: string, at: string): void {
    const { directory, base } = splitName(first)
    this.#target.make(at, (to, name) => this.#native.linkat(this.#target.directory(directory).fd, base, to, name))
  }

  #copyLink(place: number, stat: Stat, at: string): void {
    const { uid, gid } = this.#ownerOf(stat)
    this.#target.make(at, (to, name) => {
      this.#native.symlinkat(this.#native.readlinkAt(place, ''), to, name)
      this.#native.chownAt(to, name, uid, gid)
      this.#native.utimesAt(to, name, stat.mtime, stat.mtime)
    })
  }

  #copyNode(place: number, stat: Stat, at: string): void {
    this.#target.make(at, (to, name) => {
      this.#native.mknodat(to, name, (stat.mode & S_IFMT) | 0o600, stat.major, stat.minor)
      this.#settle(to, name, this.#attributes(place, stat))
    })
  }

  #copyFile(place: number, stat: Stat, at: string, { permissions, isReadable = false }: Opened): void {
    const attributes = this.#attributes(place, stat, permissions)
    // Through the place: the very file that was looked at.
    const source = isReadable ? place : openSync(`/proc/self/fd/${place}`, O_RDONLY)
    try {
      const isSmall = stat.size <= smallBytes && stat.blocks * 512 >= stat.size && attributes.xattrs.length === 0
      this.#target.make(at, (to, name) => {
        if (isSmall) this.#writeSmall(source, stat.size, to, name, attributes)
        else this.#writeLarge(source, stat, to, name, attributes)
      })
    } finally {
      if (!isReadable) closeSync(source)
    }
  }

  #writeSmall(source: number, size: number, to: number, name: string, { owner, mode, mtime }: Attributes): void {
    const content = this.#buffer.subarray(0, size === 0 ? 0 : readSync(source, this.#buffer, 0, size, 0))
    this.#native.makeFile(to, name, content, mode, owner.uid, owner.gid, mtime, mtime)
  }

  #writeLarge(source: number, stat: Stat, to: number, name: string, attributes: Attributes): void {
    const { owner, mode, mtime, xattrs } = attributes
    const target = this.#native.openat2(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, 0)
    withDescriptor(target, () => {
      copyContent(this.#native, source, target, stat, this.#checkpoint)
      // In this order: a change of owner clears setuid and capabilities.
      fchownSync(target, owner.uid, owner.gid)
      fchmodSync(target, mode)
      for (const [attribute, value] of xattrs) setXattr(this.#native, target, '', attribute, value)
      this.#native.utimesAt(target, '', mtime, mtime)
    })
  }

  /** Deepest first. */
  #settleDirectories(): void {
    for (const { path, attributes, mtime } of this.#pending.reverse()) {
      const { fd } = this.#target.directory(path)
      if (attributes === undefined) this.#native.utimesAt(fd, '', mtime, mtime)
      else this.#settle(fd, '', attributes)
    }
  }

  #settle(directory: number, name: string, { owner, mode, mtime, xattrs }: Attributes): void {
    this.#native.chownAt(directory, name, owner.uid, owner.gid)
    this.#native.chmodAt(directory, name, mode)
    for (const [attribute, value] of xattrs) setXattr(this.#native, directory, name, attribute, value)
    this.#native.utimesAt(directory, name, mtime, mtime)
  }

  #attributes(place: number, stat: Stat, permissions = stat.mode & 0o7777): Attributes {
    const isDirectory = (stat.mode & S_IFMT) === S_IFDIR
    const mode = changeMode(this.#request.mode, permissions, isDirectory)
    // Those of a context's directories are in no key.
    const xattrs = isDirectory && this.#from.owner !== undefined ? [] : this.#xattrs(place)
    return { owner: this.#ownerOf(stat), mode, mtime: stat.mtime, xattrs }
  }

  #xattrs(place: number) {
    const names = this.#native.listxattrAt(place, '').filter(isLayerXattr)
    return names.map((name) => [name, this.#native.getxattrAt(place, '', name) ?? Buffer.alloc(0)] as const)
  }

  #ownerOf({ uid, gid }: Stat): Owner {
    return this.#request.owner ?? this.#from.owner ?? { uid, gid }
  }

  /** Opens a file, by default as a place only: no device is ever opened, and no symlink followed. */
  #opened<Result>(
    path: string,
    use: (place: number, stat: Stat) => Result,
    flags: number = O_PATH | O_NOFOLLOW,
  ): Result {
    const { root, resolve } = this.#from
    const place = ifThere(() => this.#native.openat2(root, path, flags, 0, resolve))
    if (place === undefined) throw changed(path)
    return withDescriptor(place, () => use(place, this.#native.statAt(place, '') as Stat))
  }
}

function changed(path: string): Error {
  return invalidLayer(`${quoted(path)} was changed while it was copied.`, { path })
}
