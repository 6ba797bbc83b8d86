import { closeSync } from 'node:fs'
import {
  AT_FDCWD,
  type Native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFCHR,
  S_IFMT,
  type Stat,
  withDescriptor,
} from '../host/index.js'
import type { LayerFormat } from './extractor.js'
import { isErrno } from './layer-errors.js'
import { isDirectory } from './tree.js'
import { opaqueXattr } from './xattrs.js'

/** How a name of a directory is opened whose content nobody trusts, and changes meanwhile. */
export const exactly = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV

/** A directory as layers have it. */
export interface TreeSource {
  /** Their roots, top first. Of format `merged`: one. */
  readonly layers: readonly string[]
  /** Of overlay layers whiteouts and opaque directories hide what is below; in a tree that is whole all files are what they are. */
  readonly format: LayerFormat
  /** The directory in each of them, without symlinks; the root when absent. */
  readonly path?: string
}

/** A name in a stack of directories, in the topmost that has it. */
export interface Located {
  /** The directory's descriptor. */
  readonly directory: number
  readonly stat: Stat
  /** Its place in the stack that was opened: 0 is the top. */
  readonly layer: number
}

interface Part {
  readonly fd: number
  readonly layer: number
}

/**
 * One directory of overlay layers as the kernel shows it merged, by descriptors of its own: nothing is reached by a
 * path of more than one name, no symlink is followed and no mount crossed.
 */
export class LayeredDirectory {
  readonly #native: Native
  readonly #parts: readonly Part[]
  readonly #format: LayerFormat

  private constructor(native: Native, parts: readonly Part[], format: LayerFormat) {
    this.#native = native
    this.#parts = parts
    this.#format = format
  }

  /** @param layers paths of the layers' roots, top first; missing ones are empty */
  static open(native: Native, layers: readonly string[]): LayeredDirectory {
    const parts: Part[] = []
    try {
      for (const [layer, path] of layers.entries()) {
        const fd = openRoot(native, path)
        if (fd === undefined) continue
        parts.push({ fd, layer })
        if (isOpaque(native, fd)) break
      }
    } catch (error) {
      for (const { fd } of parts) closeSync(fd)
      throw error
    }
    return new LayeredDirectory(native, parts, 'overlay')
  }

  /** @throws ENOENT when one of the layers does not have it */
  static at(native: Native, { layers, format, path = '' }: TreeSource): LayeredDirectory {
    const parts: Part[] = []
    try {
      for (const [layer, root] of layers.entries()) {
        const fd = openWithin(native, root, path)
        parts.push({ fd, layer })
        if (format === 'overlay' && isOpaque(native, fd)) break
      }
    } catch (error) {
      for (const { fd } of parts) closeSync(fd)
      throw error
    }
    return new LayeredDirectory(native, parts, format)
  }

  /** The descriptor of the topmost layer's; -1 when no layer has it. */
  get top(): number {
    return this.#parts[0]?.fd ?? -1
  }

  close(): void {
    for (const { fd } of this.#parts) closeSync(fd)
  }

  /** Sorted; a name that is hidden by a whiteout may be among them. */
  names(): string[] {
    return [...this.types().keys()].sort()
  }

  /**
   * The names with their types (DT_*) in the topmost layer that has them, whiteouts as they are.
   *
   * @param count of how many layers from the top; of all by default
   */
  types(count = Number.POSITIVE_INFINITY): Map<string, number> {
    const types = new Map<string, number>()
    for (const { fd, layer } of this.#parts) {
      if (layer >= count) break
      for (const { name, type } of this.#native.readDirectory(fd)) if (!types.has(name)) types.set(name, type)
    }
    return types
  }

  /** Whether it shows something of what is below so many layers from the top. */
  reaches(count: number): boolean {
    return this.#parts.some(({ layer }) => layer >= count)
  }

  /** Where a name is that one layer alone can have. */
  get only(): { readonly fd: number; readonly layer: number } | undefined {
    return this.#parts.length === 1 ? this.#parts[0] : undefined
  }

  find(name: string): Located | undefined {
    for (const { fd, layer } of this.#parts) {
      const stat = this.#native.statAt(fd, name)
      if (stat !== undefined) return this.#hides(stat) ? undefined : { directory: fd, stat, layer }
    }
    return undefined
  }

  /** A subdirectory, to be closed by the caller; undefined when the name is something else (by now). */
  enter(name: string): LayeredDirectory | undefined {
    const parts: Part[] = []
    try {
      for (const { fd, layer } of this.#parts) {
        const stat = this.#native.statAt(fd, name)
        if (stat === undefined) continue
        const entered = isDirectory(stat) ? openDirectory(this.#native, fd, name) : undefined
        if (entered === undefined) break
        parts.push({ fd: entered, layer })
        if (this.#format === 'overlay' && isOpaque(this.#native, entered)) break
      }
    } catch (error) {
      for (const { fd } of parts) closeSync(fd)
      throw error
    }
    return parts.length === 0 ? undefined : new LayeredDirectory(this.#native, parts, this.#format)
  }

  #hides(stat: Stat): boolean {
    return this.#format === 'overlay' && isWhiteout(stat)
  }
}

function openWithin(native: Native, root: string, path: string): number {
  const fd = native.openat2(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, 0)
  if (path === '') return fd
  return withDescriptor(fd, () => native.openat2(fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, exactly))
}

/** A root's descriptor; undefined when there is none. */
export function openRoot(native: Native, path: string): number | undefined {
  try {
    return native.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Undefined when the name is no directory (any more). */
export function openDirectory(native: Native, directory: number, name: string): number | undefined {
  return ifThere(() => native.openat2(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, exactly))
}

/** Undefined for what a tree that changes meanwhile can make of a name. */
export function ifThere<Result>(open: () => Result): Result | undefined {
  try {
    return open()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENXIO')) return undefined
    throw error
  }
}

/** overlayfs: what lower layers have here does not show. */
export function isOpaque(native: Native, directory: number): boolean {
  return native.getxattrAt(directory, '', opaqueXattr.name)?.[0] === opaqueXattr.value[0]
}

export function isWhiteout({ mode, major, minor }: Stat): boolean {
  return (mode & S_IFMT) === S_IFCHR && major === 0 && minor === 0
}
