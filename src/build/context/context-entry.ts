import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type ScannedEntry,
  type Time,
} from '../../host/index.js'
import { decodeName } from '../../layer/index.js'
import type { ContentDigest } from './content-digest.js'
import type { IgnoreLevel } from './ignore-rules.js'

export type ContextKind = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo'

/** A file of a build context, as it was when its directory was read. Sockets are not among them. */
export interface ContextEntry {
  /** From the context's root, without symlinks; empty for the root itself. Bytes that are not UTF-8 as `decodeName` has them. */
  readonly path: string
  readonly kind: ContextKind
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Whether it is excluded itself, and there for what is in it. */
  readonly isImplied: boolean
  /** Bytes of a file's content; 0 for anything else. */
  readonly size: number
  readonly mtime: Time
  /** Of a symlink. */
  readonly target: string | undefined
  /** Of a device. */
  readonly major: number
  readonly minor: number
}

export interface ContextDirectory {
  readonly entries: readonly TreeEntry[]
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

const kinds: Readonly<Record<number, ContextKind>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'character',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
}

/** An entry with what the tree keeps of it. */
export class TreeEntry implements ContextEntry {
  /** When it is a directory: what is known for its entries. */
  level: IgnoreLevel
  /** Whether it is excluded itself, and there for what is in it. */
  isImplied = false
  listing: Promise<ContextDirectory> | undefined
  /** Of a file's content and extended attributes, when it is known. */
  digest: ContentDigest | undefined
  readonly path: string
  readonly kind: ContextKind
  readonly #scanned: ScannedEntry | undefined
  readonly #owner: Owner | undefined
  readonly #mode: number

  private constructor(
    path: string,
    mode: number,
    scanned: ScannedEntry | undefined,
    owner: Owner | undefined,
    level: IgnoreLevel,
  ) {
    this.path = path
    this.kind = kinds[mode & S_IFMT] as ContextKind
    this.level = level
    this.#mode = mode
    this.#scanned = scanned
    this.#owner = owner
  }

  static root(mode: number, owner: Owner | undefined, level: IgnoreLevel): TreeEntry {
    return new TreeEntry('', mode, undefined, owner, level)
  }

  /** Undefined for a socket. */
  static of(directory: TreeEntry, scanned: ScannedEntry, owner: Owner | undefined): TreeEntry | undefined {
    const { mode } = scanned
    if (kinds[mode & S_IFMT] === undefined) return undefined
    const name = scanned.name ?? decodeName(scanned.nameBytes)
    const path = directory.path === '' ? name : `${directory.path}/${name}`
    return new TreeEntry(path, mode, scanned, owner, directory.level)
  }

  /** Of all but the root. */
  get scanned(): ScannedEntry {
    return this.#scanned as ScannedEntry
  }

  get mode(): number {
    // Docker's client does not send it, and the daemon makes it for what is in it.
    return this.isImplied ? 0o755 : this.#mode & 0o7777
  }

  get uid(): number {
    return this.#owner?.uid ?? this.#scanned?.uid ?? 0
  }

  get gid(): number {
    return this.#owner?.gid ?? this.#scanned?.gid ?? 0
  }

  get size(): number {
    return this.kind === 'file' ? this.scanned.size : 0
  }

  get mtime(): Time {
    return this.#scanned?.mtime ?? [0, 0]
  }

  get target(): string | undefined {
    return this.kind === 'symlink' ? decodeName(this.scanned.targetBytes) : undefined
  }

  get major(): number {
    return this.#isDevice ? this.scanned.rdevMajor : 0
  }

  get minor(): number {
    return this.#isDevice ? this.scanned.rdevMinor : 0
  }

  get #isDevice(): boolean {
    return this.kind === 'character' || this.kind === 'block'
  }
}
