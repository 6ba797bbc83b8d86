import { native, S_IFMT, S_IFREG } from '../host/index.js'
import { LayeredDirectory, type TreeSource } from './layered-directory.js'
import { isDirectory } from './tree.js'

/** How much there is to be copied of a tree. */
export interface Extent {
  /** Files of all kinds below it, directories too. */
  readonly entries: number
  readonly bytes: number
}

/** What is copied faster than a thread is asked to. */
const small: Extent = { entries: 64, bytes: 1024 * 1024 }

/** The extent of a tree; undefined for one that is not worth being counted to its end: it is not small. */
export function smallExtent(source: TreeSource): Extent | undefined {
  const sum = { entries: 0, bytes: 0 }
  const root = LayeredDirectory.at(native(), source)
  try {
    return isWithin(root, sum) ? sum : undefined
  } finally {
    root.close()
  }
}

function isWithin(directory: LayeredDirectory, sum: { entries: number; bytes: number }): boolean {
  for (const name of directory.types().keys()) {
    const found = directory.find(name)
    if (found === undefined) continue
    if ((found.stat.mode & S_IFMT) === S_IFREG) sum.bytes += found.stat.size
    if (++sum.entries > small.entries || sum.bytes > small.bytes) return false
    const entered = isDirectory(found.stat) ? directory.enter(name) : undefined
    try {
      if (entered !== undefined && !isWithin(entered, sum)) return false
    } finally {
      entered?.close()
    }
  }
  return true
}
