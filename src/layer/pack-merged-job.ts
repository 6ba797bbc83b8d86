import { type Native, native } from '../host/index.js'
import type { PackMergedRequest } from './export-jobs.js'
import type { PackResult } from './layer-jobs.js'
import { LayeredDirectory } from './layered-directory.js'
import { EntryPacker } from './pack-entry.js'
import { type PackOutput, packFile } from './pack-output.js'
import { refuseWhiteoutName } from './pack-tree-job.js'
import { tarHeader } from './tar-writer.js'
import { isDirectory } from './tree.js'
import { opaqueWhiteout } from './whiteouts.js'

/**
 * Writes one layer that does to the layers below what several have done, one over the other. None of them changes
 * meanwhile. After a failure the file is gone again.
 */
export function packMergedJob({ layers, base, path }: PackMergedRequest, checkpoint: () => void): PackResult {
  return packFile(path, (output) => {
    const all = LayeredDirectory.open(native(), [...layers, ...base])
    const below = LayeredDirectory.open(native(), base)
    try {
      new MergedPacker(native(), layers.length, output, checkpoint).pack(all, below, '')
    } finally {
      all.close()
      below.close()
    }
  })
}

class MergedPacker {
  readonly #count: number
  readonly #output: PackOutput
  readonly #packer: EntryPacker

  /** @param count how many layers are merged */
  constructor(addon: Native, count: number, output: PackOutput, checkpoint: () => void) {
    this.#count = count
    this.#output = output
    this.#packer = new EntryPacker(addon, output, checkpoint)
  }

  /**
   * @param all the directory in all layers
   * @param below the same in those below, whether or not the merged ones let it show; undefined when they have none
   * @param above its path, with a slash at the end; '' for the root
   */
  pack(all: LayeredDirectory, below: LayeredDirectory | undefined, above: string): void {
    const isHidden = below !== undefined && below.top >= 0 && !all.reaches(this.#count)
    if (isHidden) this.#output.write(tarHeader({ kind: 'file', name: `${above}${opaqueWhiteout}`, mode: 0o755 }))
    for (const name of [...all.types(this.#count).keys()].sort())
      this.#entry(all, isHidden ? undefined : below, name, above)
  }

  #entry(all: LayeredDirectory, below: LayeredDirectory | undefined, name: string, above: string): void {
    const path = `${above}${name}`
    const found = all.find(name)
    if (found === undefined) {
      if (below?.find(name) !== undefined) this.#packer.whiteout(path)
      return
    }
    refuseWhiteoutName(path, name)
    const { directory } = found
    if (isDirectory(found.stat)) this.#directory(all, below, name, path)
    else this.#packer.pack({ path, directory, name })
  }

  #directory(all: LayeredDirectory, below: LayeredDirectory | undefined, name: string, path: string): void {
    const entered = all.enter(name)
    if (entered === undefined) return
    const under = below?.enter(name)
    try {
      this.#packer.pack({ path, directory: entered.top, name, opened: entered.top })
      this.pack(entered, under, `${path}/`)
    } finally {
      entered.close()
      under?.close()
    }
  }
}
