import { isKernelFilesystem, type Native } from '../host/index.js'
import type { TreeRoot } from './tree.js'

/** Tells what of a tree is the kernel's, where that does not belong to it. */
export class KernelFiles {
  readonly #native: Native
  readonly areHidden: boolean

  constructor(native: Native, { hidesKernel = false }: TreeRoot) {
    this.#native = native
    this.areHidden = hidesKernel
  }

  /** Whether an open file is on one of the kernel's own filesystems. Asked each time: mounts come and go. */
  has(fd: number): boolean {
    return this.areHidden && isKernelFilesystem(this.#native.statfs(`/proc/self/fd/${fd}`).type)
  }
}
