import { closeSync } from 'node:fs'
import {
  AT_FDCWD,
  native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFDIR,
  S_IFMT,
  type Stat,
} from '../host/index.js'
import type { Change } from '../snapshot/index.js'

/** How many files are looked at before others have their turn. */
const batch = 256

/** The bytes of those files of a tree that were made or changed; one with several names counts once. */
export async function changedBytes(root: string, changes: readonly Change[]): Promise<number> {
  if (changes.length === 0) return 0
  const sizes = new Map<string, number>()
  const top = native().openat2(AT_FDCWD, root, O_DIRECTORY | O_PATH, 0, 0)
  try {
    for (const [at, { path, kind }] of changes.entries()) {
      if (at % batch === batch - 1) await new Promise(setImmediate)
      const stat = kind === 'D' ? undefined : statInside(top, path)
      if (stat && (stat.mode & S_IFMT) !== S_IFDIR) sizes.set(`${stat.dev} ${stat.ino}`, stat.size)
    }
  } finally {
    closeSync(top)
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

/** Undefined for what has gone meanwhile. */
function statInside(top: number, path: string): Stat | undefined {
  try {
    const file = native().openat2(top, path, O_PATH | O_NOFOLLOW, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    try {
      return native().statAt(file, '')
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as { code?: string }).code ?? '')) return undefined
    throw error
  }
}
