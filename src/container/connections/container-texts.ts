import { closeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { native, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../../host/index.js'
import { openContainerTree } from '../container-tree.js'
import type { ContainerContext } from '../context.js'

/** What of a file is read at most: nobody knows who has written it. */
const longestText = 1024 * 1024

/** The texts of files of a running container, as its program sees them; '' for what is no file. */
export async function containerTexts(
  context: ContainerContext,
  id: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const tree = await openContainerTree(context, id, signal)
  try {
    return await Promise.all(paths.map((path) => textOf(tree.root, path)))
  } finally {
    await tree.end()
  }
}

async function textOf(root: number, path: string): Promise<string> {
  const anchor = openFile(root, path)
  if (anchor === undefined) return ''
  try {
    const file = await open(`/proc/self/fd/${anchor}`, 'r')
    try {
      const text = Buffer.allocUnsafe(longestText)
      const { bytesRead } = await file.read(text, 0, longestText, 0)
      return text.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } finally {
    closeSync(anchor)
  }
}

const formatBits = 0o170000
const regularFile = 0o100000

/** Found within the root, whatever its symlinks say; nothing else than a file is opened. */
function openFile(root: number, path: string): number | undefined {
  let anchor: number | undefined
  try {
    anchor = native().openat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    if (((native().statAt(anchor, '')?.mode ?? 0) & formatBits) === regularFile) return anchor
  } catch (error) {
    if (!missing.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  if (anchor !== undefined) closeSync(anchor)
  return undefined
}

const missing: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'])
