import { closeSync } from 'node:fs'
import { AT_FDCWD, native, O_DIRECTORY, O_RDONLY } from '../host/index.js'
import { copyDirectoryAttributes } from './copy-attributes.js'
import { TreeCopier } from './copy-tree.js'
import type { CopyRequest, CopyResult } from './layer-jobs.js'
import { LayeredDirectory } from './layered-directory.js'

/** Copies a tree's content into an existing directory: hard links, ownership, modes, attributes, devices and times too. */
export function copyJob({ from, to }: CopyRequest, checkpoint: () => void): CopyResult {
  const addon = native()
  const source = LayeredDirectory.at(addon, from)
  try {
    const target = addon.openat2(AT_FDCWD, to, O_RDONLY | O_DIRECTORY, 0, 0)
    try {
      const copier = new TreeCopier(addon, target, from.format, checkpoint)
      copier.copyContents(source, target, '')
      copyDirectoryAttributes(addon, source.top, target, from.format)
      return { size: copier.bytes }
    } finally {
      closeSync(target)
    }
  } finally {
    source.close()
  }
}
