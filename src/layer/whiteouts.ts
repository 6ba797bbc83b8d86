import { type Native, S_IFCHR } from '../host/index.js'
import { invalidLayer } from './layer-errors.js'
import { type Directory, isDirectory, removeContents, removeEntry } from './tree.js'
import { opaqueXattr } from './xattrs.js'

/**
 * `.wh.NAME` says that the layers below have no NAME, `.wh..wh..opq` that they have nothing in its directory.
 * @see https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
 */
export const whiteoutPrefix = '.wh.'
export const opaqueWhiteout = '.wh..wh..opq'

/** What old Docker left behind in layers made on aufs: no content of the image. */
export function isAufsMetadata(path: string): boolean {
  return /(?:^|\/)\.wh\.\.wh\.(?!\.opq$)/.test(path)
}

/** A whiteout hides what lower layers have, never what its own layer has, wherever it stands in the archive. */
export interface Whiteouts {
  apply(base: string, parent: Directory): void
  /** The layer itself has this entry. */
  created(parent: Directory, base: string): void
  /** A directory took the place of a file or of a whiteout in the same layer. */
  directoryReplacedFile(parent: Directory, base: string): void
}

/** Whiteouts as overlayfs has them in its lower directories. */
export class OverlayWhiteouts implements Whiteouts {
  readonly #native: Native

  constructor(native: Native) {
    this.#native = native
  }

  apply(base: string, parent: Directory): void {
    if (base === opaqueWhiteout) this.#makeOpaque(parent, '')
    else this.#hide(parent, hiddenName(base))
  }

  #hide(parent: Directory, name: string): void {
    const existing = this.#native.statAt(parent.fd, name)
    if (existing === undefined) this.#native.mknodat(parent.fd, name, S_IFCHR, 0, 0)
    else if (isDirectory(existing)) this.#makeOpaque(parent, name)
  }

  created(): void {}

  directoryReplacedFile(parent: Directory, base: string): void {
    this.#makeOpaque(parent, base)
  }

  #makeOpaque(parent: Directory, name: string): void {
    this.#native.setxattrAt(parent.fd, name, opaqueXattr.name, opaqueXattr.value)
  }
}

/** Whiteouts that delete, for trees which already hold the layers below. */
export class MergedWhiteouts implements Whiteouts {
  readonly #native: Native
  readonly #created = new Set<string>()

  constructor(native: Native) {
    this.#native = native
  }

  apply(base: string, parent: Directory): void {
    const isKept = (directory: Directory, name: string) => this.#created.has(keyOf(directory, name))
    if (base === opaqueWhiteout) removeContents(this.#native, parent, '.', isKept)
    else removeEntry(this.#native, parent, hiddenName(base), isKept)
  }

  created(parent: Directory, base: string): void {
    this.#created.add(keyOf(parent, base))
  }

  directoryReplacedFile(): void {}
}

function keyOf(directory: Directory, name: string): string {
  return `${directory.inode}/${name}`
}

function hiddenName(base: string): string {
  const name = base.slice(whiteoutPrefix.length)
  if (name !== '' && name !== '.' && name !== '..') return name
  throw invalidLayer(`The archive has a whiteout ${JSON.stringify(base)} that names nothing.`, { entry: base })
}
