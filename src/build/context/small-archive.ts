import { createHash, type Hash } from 'node:crypto'
import { InboardError } from '../../errors/index.js'
import { S_IFDIR, S_IFLNK, S_IFREG, type ScanRecord, type Time } from '../../host/index.js'
import {
  cleanName,
  encodeName,
  splitName,
  type TarEntry,
  type TarHandler,
  type TarLimits,
  TarReader,
} from '../../layer/index.js'
import { isHeader } from './archive-kind.js'

/** What is kept in memory for a build, and hashed between two pieces of what comes. */
const maxBytes = 4 * 1024 * 1024

/** What the kernel takes: NAME_MAX, PATH_MAX without its NUL, an owner that is not -1. */
const maxNameBytes = 255
const maxPathBytes = 4095
const maxId = 0xfffffffe

const nothing = Buffer.alloc(0)

/** A file of an archive, as the disk would have it. */
export interface ArchivedFile {
  readonly record: ScanRecord
  /** Of a directory. */
  readonly files: Map<string, ArchivedFile> | undefined
  readonly content: readonly Buffer[]
  /** SHA-256 of the content; empty for what has none. */
  readonly digest: Buffer
}

/**
 * What extraction makes of an archive, without a disk: of one that is small and not compressed, and has nothing but
 * directories, and files and symlinks each of which comes once. With anything else, whatever is wrong with it included, it is
 * for extraction to say what becomes of it.
 *
 * @see https://man7.org/linux/man-pages/man5/tar.5.html
 */
export class SmallArchive implements TarHandler {
  /** What was added. */
  readonly pieces: Buffer[] = []
  readonly #reader: TarReader
  readonly #root = new Map<string, ArchivedFile>()
  #bytes = 0
  #count = 0
  #file:
    | { readonly record: ScanRecord; readonly place: Place; readonly content: Buffer[]; readonly hash: Hash }
    | undefined
  #fileBytes = 0
  #isSimple = true

  constructor(limits?: TarLimits) {
    this.#reader = new TarReader(this, limits)
  }

  /** False: this is for extraction. */
  add(piece: Uint8Array): boolean {
    // A copy: the caller's memory stays the caller's.
    const bytes = Buffer.from(piece)
    this.#isSimple &&= this.pieces.length > 0 || isHeader(bytes.subarray(0, 512))
    this.pieces.push(bytes)
    this.#bytes += piece.length
    this.#isSimple &&= this.#bytes <= maxBytes
    this.#attempt(() => this.#reader.push(bytes))
    return this.#isSimple
  }

  /** All of it, by the names of the root; undefined: this is for extraction. */
  finish(): ReadonlyMap<string, ArchivedFile> | undefined {
    this.#attempt(() => this.#reader.finish(true))
    return this.#isSimple ? this.#root : undefined
  }

  entry(entry: TarEntry): void {
    const path = cleanName(entry.name)
    this.#isSimple &&= path === '' ? entry.kind === 'directory' : this.#add(entry, path)
  }

  data(bytes: Buffer, position: number): void {
    // A hole was left out.
    this.#isSimple &&= position === this.#fileBytes
    this.#file?.content.push(bytes)
    this.#file?.hash.update(bytes)
    this.#fileBytes += bytes.length
  }

  end(): void {
    const file = this.#file
    this.#file = undefined
    if (!file) return
    const { record, place, content, hash } = file
    this.#isSimple &&= this.#fileBytes === record.size
    place.directory.set(place.name, { record, files: undefined, content, digest: hash.digest() })
  }

  #attempt(body: () => void): void {
    if (!this.#isSimple) return
    try {
      body()
    } catch (error) {
      if (!(error instanceof InboardError)) throw error
      this.#isSimple = false
    }
  }

  /** Whether that was simple. */
  #add({ kind, mode, uid, gid, mtime, size, linkname, xattrs }: TarEntry, path: string): boolean {
    const place = this.#place(path, mtime)
    if (!place || xattrs.size > 0 || uid > maxId || gid > maxId) return false
    const there = place.directory.get(place.name)
    const record = { name: place.encoded, target: nothing, inode: ++this.#count, uid, gid, mtime, size: 0 }
    if (kind === 'directory') {
      if (there && !there.files) return false
      this.#put(place, { ...record, mode: S_IFDIR | mode }, there?.files ?? new Map())
      return true
    }
    if (there) return false
    if (kind === 'symlink') {
      const target = encodeName(linkname)
      this.#put(place, { ...record, mode: S_IFLNK | 0o777, size: target.length, target })
      return target.length > 0 && target.length <= maxPathBytes && !target.includes(0)
    }
    this.#file = { record: { ...record, mode: S_IFREG | mode, size }, place, content: [], hash: createHash('sha256') }
    this.#fileBytes = 0
    return kind === 'file'
  }

  #put({ directory, name }: Place, record: ScanRecord, files?: Map<string, ArchivedFile>): void {
    directory.set(name, { record, files, content: [], digest: nothing })
  }

  /** Where a path is, its parents made as extraction makes them; undefined where something else is in the way. */
  #place(path: string, mtime: Time): Place | undefined {
    const { directory: above, base: name } = splitName(path)
    const encoded = encodeName(name)
    if (encoded.length > maxNameBytes || path.length > maxPathBytes / 4) return undefined
    let directory = this.#root
    for (const part of above === '' ? [] : above.split('/')) {
      const found = directory.get(part)
      const files = found ? found.files : new Map<string, ArchivedFile>()
      if (!files) return undefined
      if (!found) {
        const bytes = encodeName(part)
        if (bytes.length > maxNameBytes) return undefined
        const record = { name: bytes, target: nothing, inode: ++this.#count, mode: S_IFDIR | 0o755 }
        this.#put({ directory, name: part, encoded: bytes }, { ...record, uid: 0, gid: 0, mtime, size: 0 }, files)
      }
      directory = files
    }
    return { directory, name, encoded }
  }
}

interface Place {
  readonly directory: Map<string, ArchivedFile>
  readonly name: string
  readonly encoded: Buffer
}
