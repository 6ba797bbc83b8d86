import { openSync } from 'node:fs'
import {
  fingerprintOf,
  native,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFMT,
  S_IFREG,
  unpackScan,
  withDescriptor,
} from '../../host/index.js'
import type { TreeEntry } from './context-entry.js'
import { contextChanged } from './context-errors.js'

/** What is mounted in a context belongs to it, as for Docker; symlinks are followed in memory only. */
export const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS

/**
 * Opens a file as it was when its directory was read. No device and no fifo is ever opened, whatever has the name by now.
 *
 * @throws {ContextError} CONTEXT_CHANGED
 */
export function openEntry(root: number, { path, scanned }: TreeEntry): number {
  const fd = openRegular(root, path)
  if (fd === undefined || !scanned.hasFingerprint(fingerprintOf(fd), 0)) {
    if (fd !== undefined) withDescriptor(fd, () => {})
    throw contextChanged(path)
  }
  return fd
}

/** Undefined when there is no regular file of the name. */
function openRegular(root: number, path: string): number | undefined {
  let place: number
  try {
    place = native().openat2(root, path, O_PATH | O_NOFOLLOW, 0, beneath)
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
  return withDescriptor(place, () => {
    if (((native().statAt(place, '')?.mode ?? 0) & S_IFMT) !== S_IFREG) return undefined
    return openSync(`/proc/self/fd/${place}`, O_RDONLY)
  })
}

/** Looks at the directories of files and symlinks again. @throws {ContextError} CONTEXT_CHANGED when one is not as it was */
export async function verifyUnchanged(root: number, entries: readonly TreeEntry[], maxEntries: number): Promise<void> {
  const directories = new Map<string, TreeEntry[]>()
  for (const entry of entries) {
    if (entry.kind === 'directory') continue
    const directory = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf('/')))
    const files = directories.get(directory)
    if (files === undefined) directories.set(directory, [entry])
    else files.push(entry)
  }
  await Promise.all([...directories].map(([path, files]) => verifyDirectory(root, path, files, maxEntries)))
}

async function verifyDirectory(
  root: number,
  path: string,
  files: readonly TreeEntry[],
  maxEntries: number,
): Promise<void> {
  const bytes = await native()
    .scanDirectory(root, path === '' ? '.' : path, beneath, maxEntries)
    .catch((error: unknown) => {
      throw isGone(error) ? contextChanged(path) : error
    })
  const now = new Map(unpackScan(bytes).map((entry) => [entry.nameBytes.toString('latin1'), entry]))
  for (const { path: file, scanned } of files) {
    const found = now.get(scanned.nameBytes.toString('latin1'))
    if (found === undefined || !found.isSame(scanned)) throw contextChanged(file)
  }
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV'].includes((error as NodeJS.ErrnoException).code ?? '')
}
