import { closeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  AT_FDCWD,
  native,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  type Stat,
} from '../host/index.js'

const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
const mark = /^(trusted|user)\.overlay\./
/** Looked at in one turn of the event loop. */
const entriesPerTurn = 500

/**
 * Whether a tree looks the same as a layer. It does not when something in it means something to overlayfs: an engine that
 * keeps its own layers in a volume makes such files. Nor may a file have several names, which would become different files
 * once it is written to.
 *
 * @param isUpper what overlayfs itself has made: all its marks are its own
 */
export async function canBeLayer(path: string, isUpper: boolean, signal: AbortSignal): Promise<boolean> {
  const look = new Look(isUpper, signal)
  const root = native().openat2(AT_FDCWD, path, directoryFlags, 0, 0)
  try {
    return (isUpper || !isMarked(root, '')) && (await look.isFit(root))
  } catch (error) {
    // Something is mounted in it.
    if ((error as { code?: string }).code === 'EXDEV') return false
    throw error
  } finally {
    closeSync(root)
  }
}

class Look {
  readonly #isUpper: boolean
  readonly #signal: AbortSignal
  #entries = 0

  constructor(isUpper: boolean, signal: AbortSignal) {
    this.#isUpper = isUpper
    this.#signal = signal
  }

  async isFit(directory: number): Promise<boolean> {
    for (const { name } of native().readDirectory(directory)) {
      if (++this.#entries % entriesPerTurn === 0) await nextTurn(undefined, { signal: this.#signal })
      const stat = native().statAt(directory, name)
      if (stat === undefined) continue
      if (!this.#isFitFile(directory, name, stat)) return false
      if ((stat.mode & S_IFMT) !== S_IFDIR) continue
      const entered = native().openat2(directory, name, directoryFlags, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)
      try {
        if (!(await this.isFit(entered))) return false
      } finally {
        closeSync(entered)
      }
    }
    return true
  }

  #isFitFile(directory: number, name: string, { mode, nlink, major, minor }: Stat): boolean {
    const type = mode & S_IFMT
    if (type === S_IFREG && nlink > 1) return false
    if (this.#isUpper) return true
    if (type === S_IFCHR && major === 0 && minor === 0) return false
    return !isMarked(directory, name)
  }
}

const isMarked = (directory: number, name: string) =>
  native()
    .listxattrAt(directory, name)
    .some((attribute) => mark.test(attribute))

/** Whether a volume's own directory has anything but what it was made with from its topmost layer. */
export function hasOwnChanges(upper: string, layer: string): boolean {
  return !native().isEmptyDirectory(upper) || attributesOf(upper) !== attributesOf(layer)
}

function attributesOf(path: string): string {
  const { mode, uid, gid, mtime } = native().statAt(AT_FDCWD, path) as Stat
  const names = native()
    .listxattrAt(AT_FDCWD, path)
    .filter((name) => !mark.test(name))
    .sort()
  const values = names.map((name) => Buffer.from(native().getxattrAt(AT_FDCWD, path, name) ?? []).toString('base64'))
  return JSON.stringify([mode, uid, gid, mtime, names, values])
}
