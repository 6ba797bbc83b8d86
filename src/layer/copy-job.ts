import { closeSync, fchmodSync, fchownSync, ftruncateSync } from 'node:fs'
import {
  AT_FDCWD,
  type Native,
  native,
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
} from '../host/index.js'
import type { CopyRequest, CopyResult } from './layer-jobs.js'

/** Copies a tree's content into an existing directory: hard links, ownership, modes, attributes, devices and times too. */
export function copyJob({ from, to }: CopyRequest, checkpoint: () => void): CopyResult {
  const addon = native()
  const source = addon.openat2(AT_FDCWD, from, O_RDONLY | O_DIRECTORY, 0, 0)
  try {
    const target = addon.openat2(AT_FDCWD, to, O_RDONLY | O_DIRECTORY, 0, 0)
    try {
      const copier = new TreeCopier(addon, target, checkpoint)
      copier.copyContents(source, target, '')
      copier.copyAttributes(source, '', target, '', addon.statAt(source, '') as Stat)
      return { size: copier.bytes }
    } finally {
      closeSync(target)
    }
  } finally {
    closeSync(source)
  }
}

const beneath = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV

class TreeCopier {
  readonly #native: Native
  readonly #root: number
  readonly #checkpoint: () => void
  /** Where files with several names were copied to first, by inode. */
  readonly #linked = new Map<number, string>()
  bytes = 0

  constructor(addon: Native, root: number, checkpoint: () => void) {
    this.#native = addon
    this.#root = root
    this.#checkpoint = checkpoint
  }

  copyContents(from: number, to: number, path: string): void {
    for (const { name } of this.#native.readDirectory(from)) {
      this.#checkpoint()
      const stat = this.#native.statAt(from, name)
      if (stat !== undefined) this.#copyEntry(from, to, name, path === '' ? name : `${path}/${name}`, stat)
    }
  }

  #copyEntry(from: number, to: number, name: string, path: string, stat: Stat): void {
    const type = stat.mode & S_IFMT
    const isLinked = type !== S_IFDIR && stat.nlink > 1
    const first = isLinked ? this.#linked.get(stat.ino) : undefined
    if (isLinked && first === undefined) this.#linked.set(stat.ino, path)
    if (first !== undefined) this.#link(first, to, name)
    else if (type === S_IFDIR) this.#copyDirectory(from, to, name, path, stat)
    else if (type === S_IFREG) this.#copyFile(from, to, name, stat)
    else this.#copyOther(from, to, name, stat)
  }

  #copyOther(from: number, to: number, name: string, stat: Stat): void {
    const type = stat.mode & S_IFMT
    if (type === S_IFLNK) this.#native.symlinkat(this.#native.readlinkAt(from, name), to, name)
    else this.#native.mknodat(to, name, type | 0o600, stat.major, stat.minor)
    this.copyAttributes(from, name, to, name, stat)
  }

  #copyDirectory(from: number, to: number, name: string, path: string, stat: Stat): void {
    this.#native.mkdirat(to, name, 0o700)
    const source = this.#native.openat2(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath)
    try {
      const target = this.#native.openat2(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath)
      try {
        this.copyContents(source, target, path)
      } finally {
        closeSync(target)
      }
    } finally {
      closeSync(source)
    }
    // Last: a default ACL would be inherited, and making entries changes the times.
    this.copyAttributes(from, name, to, name, stat)
  }

  #link(first: string, to: number, name: string): void {
    const slash = first.lastIndexOf('/')
    const directory = slash < 0 ? '.' : first.slice(0, slash)
    const fd = this.#native.openat2(this.#root, directory, O_RDONLY | O_DIRECTORY, 0, beneath)
    try {
      this.#native.linkat(fd, first.slice(slash + 1), to, name)
    } finally {
      closeSync(fd)
    }
  }

  #copyFile(from: number, to: number, name: string, stat: Stat): void {
    const source = this.#native.openat2(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, beneath)
    try {
      const target = this.#native.openat2(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, 0)
      try {
        this.bytes += this.#native.copyRange(source, target, stat.size)
        ftruncateSync(target, stat.size)
        this.copyAttributes(source, '', target, '', stat)
      } finally {
        closeSync(target)
      }
    } finally {
      closeSync(source)
    }
  }

  copyAttributes(from: number, fromName: string, to: number, toName: string, stat: Stat): void {
    const type = stat.mode & S_IFMT
    if (type === S_IFREG) {
      fchownSync(to, stat.uid, stat.gid)
      fchmodSync(to, stat.mode & 0o7777)
    } else {
      this.#native.chownAt(to, toName, stat.uid, stat.gid)
      if (type !== S_IFLNK) this.#native.chmodAt(to, toName, stat.mode & 0o7777)
    }
    for (const attribute of this.#native.listxattrAt(from, fromName)) {
      const value = this.#native.getxattrAt(from, fromName, attribute)
      if (value !== undefined) this.#native.setxattrAt(to, toName, attribute, value)
    }
    this.#native.utimesAt(to, toName, stat.atime, stat.mtime)
  }
}
