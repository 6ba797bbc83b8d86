import type { Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { codeOf, Refusal } from './failures.js'
import { enter, type FileTree, type FoundFile, pathOf } from './file-tree.js'
import { textOf } from './names.js'

/** What is in a directory. */
export interface Listed {
  /** The directory that it is in, from the one that is listed, which is ''. */
  readonly parent: string
  readonly name: string
  readonly kind: Dirent
}

/** How many names are read at once; others get their turn in between. */
const batch = 1024

/** In no order. */
export async function list(
  tree: FileTree,
  path: string,
  { isRecursive, maxEntries }: { readonly isRecursive: boolean; readonly maxEntries: number },
  signal: AbortSignal,
): Promise<Listed[]> {
  const all: Listed[] = []
  const waiting: string[] = []
  const add = (listed: Listed) => {
    signal.throwIfAborted()
    if (all.push(listed) > maxEntries) throw new Refusal('EFBIG', `more than the ${maxEntries} of maxEntries`)
    if (isRecursive && listed.kind.isDirectory()) waiting.push(pathBelow(listed.parent, listed.name))
  }
  await tree.find(path, async (top) => {
    await eachIn(top, '', add)
    // One descriptor at a time: a tree may be as deep as it likes.
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) await eachBelow(top.fd, at, add)
  })
  return all
}

export const pathBelow = (parent: string, name: string): string => (parent === '' ? name : `${parent}/${name}`)

/** @param parent what the directory is called in what is told of it */
export async function eachIn(
  { fd, isKernels }: FoundFile,
  parent: string,
  tell: (listed: Listed) => void,
): Promise<void> {
  if (isKernels) return
  // One character a byte.
  for await (const kind of await opendir(pathOf(fd), { encoding: 'latin1', bufferSize: batch }))
    tell({ parent, name: textOf(Buffer.from(kind.name, 'latin1')), kind })
}

/** The same of a directory below one that is open; nothing when it is gone, or none any more. */
async function eachBelow(top: number, path: string, tell: (listed: Listed) => void): Promise<void> {
  try {
    await enter(top, path, (found) => eachIn(found, path, tell))
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(String(codeOf(error)))) throw error
  }
}
