import { closeSync, readSync } from 'node:fs'
import {
  type Native,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
  withDescriptor,
} from '../host/index.js'
import { copyAttributes, copyDirectoryAttributes, copyXattrs, opened } from './copy-attributes.js'
import { copyContent } from './copy-content.js'
import type { LayerFormat } from './extractor.js'
import type { LayeredDirectory, Located } from './layered-directory.js'
import { checkPathLength } from './names.js'

const beneath = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
/** A reflink would save nothing. */
const smallBytes = 32 * 1024

/** Copies what a directory of layers shows, merged, into another directory that nobody else changes. */
export class TreeCopier {
  readonly #native: Native
  readonly #root: number
  readonly #format: LayerFormat
  readonly #checkpoint: () => void
  /** Where files with several names were copied to first. */
  readonly #linked = new Map<string, string>()
  readonly #buffer = Buffer.allocUnsafe(smallBytes)
  bytes = 0

  /** @param format what the attributes of overlayfs belong to: its own layers, or files like others */
  constructor(addon: Native, root: number, format: LayerFormat, checkpoint: () => void) {
    this.#native = addon
    this.#root = root
    this.#format = format
    this.#checkpoint = checkpoint
  }

  copyContents(from: LayeredDirectory, to: number, path: string): void {
    for (const name of from.types().keys()) {
      this.#checkpoint()
      const found = from.find(name)
      if (found === undefined) continue
      const own = path === '' ? name : `${path}/${name}`
      if ((found.stat.mode & S_IFMT) === S_IFDIR) this.#copyDirectory(from, to, name, own)
      else this.#copyFound(found, to, name, own)
    }
  }

  #copyFound({ directory, stat }: Located, to: number, name: string, path: string): void {
    const key = `${stat.dev}:${stat.ino}`
    const first = stat.nlink > 1 ? this.#linked.get(key) : undefined
    if (first !== undefined) {
      this.#link(first, to, name)
      return
    }
    if (stat.nlink > 1) this.#linked.set(key, path)
    if ((stat.mode & S_IFMT) === S_IFREG) this.#copyFile(directory, to, name, stat)
    else this.#copyOther(directory, to, name, stat)
  }

  #copyOther(from: number, to: number, name: string, stat: Stat): void {
    const type = stat.mode & S_IFMT
    if (type === S_IFLNK) this.#native.symlinkat(this.#native.readlinkAt(from, name), to, name)
    else this.#native.mknodat(to, name, type | 0o600, stat.major, stat.minor)
    copyAttributes(this.#native, { directory: from, name }, { directory: to, name }, stat, this.#format)
  }

  #copyDirectory(from: LayeredDirectory, to: number, name: string, path: string): void {
    checkPathLength(path)
    const source = from.enter(name)
    if (source === undefined) return
    try {
      this.#native.mkdirat(to, name, 0o700)
      const target = this.#native.openat2(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath)
      withDescriptor(target, () => {
        this.copyContents(source, target, path)
        // Last: a default ACL would be inherited, and making entries changes the times.
        copyDirectoryAttributes(this.#native, source.top, target, this.#format)
      })
    } finally {
      source.close()
    }
  }

  #link(first: string, to: number, name: string): void {
    const slash = first.lastIndexOf('/')
    const directory = slash < 0 ? '.' : first.slice(0, slash)
    const fd = this.#native.openat2(this.#root, directory, O_RDONLY | O_DIRECTORY, 0, beneath)
    withDescriptor(fd, () => this.#native.linkat(fd, first.slice(slash + 1), to, name))
  }

  #copyFile(from: number, to: number, name: string, stat: Stat): void {
    const source = this.#native.openat2(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, beneath)
    try {
      if (stat.size <= this.#buffer.length && stat.blocks * 512 >= stat.size) {
        this.#copySmall(source, to, name, stat)
        return
      }
      const target = this.#native.openat2(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, 0)
      withDescriptor(target, () => {
        this.bytes += copyContent(this.#native, source, target, stat, this.#checkpoint)
        copyAttributes(this.#native, opened(source), opened(target), stat, this.#format)
      })
    } finally {
      closeSync(source)
    }
  }

  /** With half of the calls that a larger one takes, which are what small files cost. */
  #copySmall(source: number, to: number, name: string, { size, mode, uid, gid, atime, mtime }: Stat): void {
    const length = readSync(source, this.#buffer, 0, size, null)
    const content = this.#buffer.subarray(0, length)
    this.#native.makeFile(to, name, content, mode & 0o7777, uid, gid, atime, mtime)
    copyXattrs(this.#native, opened(source), { directory: to, name }, this.#format)
    this.bytes += length
  }
}
