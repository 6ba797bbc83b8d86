import { closeSync } from 'node:fs'
import {
  DT_DIR,
  type Native,
  native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_NO_XDEV,
  type Stat,
  withDescriptor,
} from '../host/index.js'
import { KernelFiles } from './kernel-files.js'
import { exactly, ifThere } from './layered-directory.js'
import { checkPathLength } from './names.js'
import { EntryPacker } from './pack-entry.js'
import { PackOutput, type PackSink } from './pack-output.js'
import type { PackPlainRequest, PlainSource } from './plain-jobs.js'
import { isDirectory, openTree, within } from './tree.js'
import { isPlainXattr } from './xattrs.js'

/** Writes a directory or file of a tree, and all in it, to a descriptor, which stays open. */
export function packPlainJob({ output: fd, ...source }: PackPlainRequest, checkpoint: () => void): void {
  const output = new PackOutput(fd, false)
  packPlainTo(source, output, checkpoint)
  output.finish()
}

/**
 * Packs a directory or file of a tree, and all in it, but for the archive's end. Every file is what it is: no name and no
 * device stands for the absence of another.
 */
export function packPlainTo(
  { root, path, follows, name }: PlainSource,
  output: PackSink,
  checkpoint: () => void,
): void {
  const resolve = root.crossesMounts ? exactly & ~RESOLVE_NO_XDEV : exactly
  const kernel = new KernelFiles(native(), root)
  const isHidden = (stat: Stat, place: number) => !isDirectory(stat) && kernel.has(place)
  const form = { resolve, isHidden, takesXattr: isPlainXattr }
  const packer = new PlainPacker(native(), new EntryPacker(native(), output, checkpoint, form), kernel, resolve)
  withDescriptor(openTree(native(), root), (top) => {
    const flags = follows ? O_PATH : O_PATH | O_NOFOLLOW
    const place = native().openat2(top, path === '' ? '.' : path, flags, 0, within(root))
    withDescriptor(place, () => packer.packPlace(place, name))
  })
}

class PlainPacker {
  readonly #native: Native
  readonly #packer: EntryPacker
  readonly #kernel: KernelFiles
  readonly #resolve: number

  constructor(native: Native, packer: EntryPacker, kernel: KernelFiles, resolve: number) {
    this.#native = native
    this.#packer = packer
    this.#kernel = kernel
    this.#resolve = resolve
  }

  packPlace(place: number, name: string): void {
    const stat = this.#native.statAt(place, '') as Stat
    if (!isDirectory(stat)) {
      this.#packer.pack({ path: name, directory: place, name, opened: place })
      return
    }
    const fd = this.#native.openat2(place, '.', O_RDONLY | O_DIRECTORY, 0, 0)
    this.#packDirectory(fd, name, name === '.' ? '' : name.endsWith('/') ? name : `${name}/`)
  }

  /** @param fd is closed */
  #packDirectory(fd: number, path: string, prefix: string): void {
    try {
      this.#packer.pack({ path, directory: fd, name: path, opened: fd })
      if (this.#kernel.has(fd)) return
      const entries = this.#native.readDirectory(fd).sort((a, b) => (a.name < b.name ? -1 : 1))
      for (const { name, type } of entries) this.#packEntry(fd, name, type, `${prefix}${name}`)
    } finally {
      closeSync(fd)
    }
  }

  #packEntry(directory: number, name: string, type: number, path: string): void {
    checkPathLength(path)
    if (type !== DT_DIR) {
      this.#packer.pack({ path, directory, name })
      return
    }
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    const fd = ifThere(() => this.#native.openat2(directory, name, flags, 0, this.#resolve))
    if (fd !== undefined) this.#packDirectory(fd, path, `${path}/`)
  }
}
