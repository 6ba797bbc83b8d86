import { closeSync, openSync } from 'node:fs'
import {
  type Native,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
} from '../host/index.js'
import type { Place } from './compare.js'
import { exactly, ifThere, isWhiteout } from './layered-directory.js'
import { checkPathLength } from './names.js'
import type { PackSink } from './pack-output.js'
import { dataSegments, sparseMap, sparseRecords } from './pack-sparse.js'
import type { EntryKind } from './tar-entry.js'
import { type TarEntryInit, tarHeader, tarPadding } from './tar-writer.js'
import { whiteoutPrefix } from './whiteouts.js'
import { isLayerXattr } from './xattrs.js'

const kinds: Readonly<Record<number, EntryKind>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'character',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
}

/** What is packed of a tree. */
export interface PackForm {
  /** How names are opened: openat2(2). */
  readonly resolve: number
  /** What says only that a file is not there, or counts as if. */
  readonly isHidden: (stat: Stat, place: number) => boolean
  readonly takesXattr: (name: string) => boolean
  /** No entry is newer: seconds since the epoch. */
  readonly latest?: number | undefined
}

export const layerForm: PackForm = { resolve: exactly, isHidden: isWhiteout, takesXattr: isLayerXattr }

/**
 * Writes files as entries of an archive: what they are, whose, with which attributes and content. Each is opened once,
 * as a place (O_PATH), and then only looked at through that: whoever exchanges it meanwhile changes nothing, and no
 * device is ever opened.
 */
export class EntryPacker {
  readonly #native: Native
  readonly #output: PackSink
  readonly #checkpoint: () => void
  readonly #form: PackForm
  /** Under which name a file with several was packed, and how many of them are still to come. */
  readonly #linked = new Map<string, { readonly name: string; left: number }>()
  #contentSize = 0

  constructor(native: Native, output: PackSink, checkpoint: () => void, form: PackForm = layerForm) {
    this.#native = native
    this.#output = output
    this.#checkpoint = checkpoint
    this.#form = form
  }

  /** Bytes of all content so far, holes not counted. */
  get contentSize(): number {
    return this.#contentSize
  }

  /**
   * Packs what is at a place; a directory that was opened there, whatever has its name by now. What has gone meanwhile,
   * and sockets, are left out, as Docker does.
   */
  pack({ path, directory, name, opened, isFixed = false }: Place): void {
    this.#checkpoint()
    checkPathLength(path)
    if (opened !== undefined) {
      this.#packOpened(opened, path, false)
      return
    }
    const flags = isFixed ? O_RDONLY | O_NONBLOCK | O_NOFOLLOW : O_PATH | O_NOFOLLOW
    const fd = ifThere(() => this.#native.openat2(directory, name, flags, 0, this.#form.resolve))
    if (fd === undefined) return
    try {
      this.#packOpened(fd, path, isFixed)
    } finally {
      closeSync(fd)
    }
  }

  /** Says that the layers below have no such path. */
  whiteout(path: string): void {
    const slash = path.lastIndexOf('/') + 1
    const name = `${path.slice(0, slash)}${whiteoutPrefix}${path.slice(slash)}`
    this.#output.write(tarHeader({ kind: 'file', name, mode: 0o600 }))
  }

  #packOpened(place: number, path: string, isReadable: boolean): void {
    const stat = this.#native.statAt(place, '') as Stat
    const kind = kinds[stat.mode & S_IFMT]
    // A whiteout took the place of what was here.
    if (kind === undefined || this.#form.isHidden(stat, place)) return
    const first = kind === 'directory' || stat.nlink < 2 ? undefined : this.#firstName(stat, path)
    const entry: TarEntryInit = {
      kind,
      name: path,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtime: this.#timeOf(stat),
      major: stat.major,
      minor: stat.minor,
    }
    if (first !== undefined) this.#output.write(tarHeader({ ...entry, kind: 'hardlink', linkname: first }))
    else if (kind === 'symlink')
      this.#output.write(tarHeader({ ...entry, linkname: this.#native.readlinkAt(place, '') }))
    else {
      const whole = { ...entry, xattrs: this.#xattrs(place) }
      if (kind === 'file' && stat.size > 0) this.#packFile(place, whole, stat, isReadable)
      else this.#output.write(tarHeader(whole))
    }
  }

  #timeOf({ mtime }: Stat): Stat['mtime'] {
    const { latest } = this.#form
    return latest === undefined || mtime[0] < latest ? mtime : [latest, 0]
  }

  /** The name under which it was packed before; else remembers this one. */
  #firstName({ dev, ino, nlink }: Stat, path: string): string | undefined {
    const key = `${dev}:${ino}`
    const known = this.#linked.get(key)
    if (known === undefined) this.#linked.set(key, { name: path, left: nlink - 1 })
    else if (--known.left === 0) this.#linked.delete(key)
    return known?.name
  }

  #xattrs(place: number): Map<string, Uint8Array> {
    const xattrs = new Map<string, Uint8Array>()
    for (const name of this.#native.listxattrAt(place, '').filter(this.#form.takesXattr)) {
      const value = this.#native.getxattrAt(place, '', name)
      if (value !== undefined) xattrs.set(name, value)
    }
    return xattrs
  }

  #packFile(place: number, entry: TarEntryInit, stat: Stat, isReadable: boolean): void {
    // Through the place: the very file that was looked at.
    const fd = isReadable ? place : openSync(`/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK)
    try {
      this.#packContent(fd, entry, stat)
    } finally {
      if (!isReadable) closeSync(fd)
    }
  }

  #packContent(fd: number, entry: TarEntryInit, { size, blocks }: Stat): void {
    const segments = blocks * 512 < size ? dataSegments(this.#native, fd, size) : undefined
    if (segments === undefined) {
      this.#contentSize += size
      this.#output.write(tarHeader({ ...entry, size }))
      this.#copy(fd, 0, size)
      this.#output.write(tarPadding(size))
    } else this.#packSparse(fd, entry, segments, size)
  }

  #packSparse(
    fd: number,
    entry: TarEntryInit,
    segments: readonly { readonly offset: number; readonly length: number }[],
    size: number,
  ): void {
    const map = sparseMap(segments, size)
    this.#contentSize += segments.reduce((sum, { length }) => sum + length, 0)
    const stored = segments.reduce((sum, { length }) => sum + length, map.length)
    const slash = entry.name.lastIndexOf('/') + 1
    const name = `${entry.name.slice(0, slash)}GNUSparseFile.0/${entry.name.slice(slash)}`
    this.#output.write(tarHeader({ ...entry, name, size: stored, records: sparseRecords(entry.name, size) }))
    this.#output.write(map)
    for (const { offset, length } of segments) this.#copy(fd, offset, length)
    this.#output.write(tarPadding(stored))
  }

  /** Exactly `length` bytes; of a file that has become shorter meanwhile the rest is zeros, as tar(1) does. */
  #copy(fd: number, offset: number, length: number): void {
    for (let done = 0; done < length; ) {
      this.#checkpoint()
      const read = this.#output.readFrom(fd, length - done, offset + done)
      if (read === 0) this.#output.writeZeros(length - done)
      done = read === 0 ? length : done + read
    }
  }
}
