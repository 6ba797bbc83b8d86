import { readSync } from 'node:fs'
import type { PlacedSource } from '../../layer/index.js'
import { type BuildContext, isArchive } from '../context/index.js'
import type { Copied } from './copied.js'

/** What is looked at to tell an archive. */
const headBytes = 64 * 1024

/** What was named itself, and is an archive by its content, is extracted. */
export function addedArchives(context: BuildContext, copied: Copied): Copied {
  const placed = async () => Promise.all((await copied.placed()).map((source) => extracted(context, source)))
  return { ...copied, placed }
}

async function extracted(context: BuildContext, source: PlacedSource): Promise<PlacedSource> {
  if (source.kind !== 'file') return source
  const entry = await context.stat(source.path)
  if (entry.kind !== 'file' || !(await isArchive(context.head(entry, headBytes)))) return source
  return { ...source, kind: 'archive', limits: {} }
}

/** The first bytes of an open file. */
export function headOf(fd: number): Buffer {
  const head = Buffer.alloc(headBytes)
  let length = 0
  for (let read = -1; read !== 0 && length < headBytes; length += read)
    read = readSync(fd, head, length, headBytes - length, length)
  return head.subarray(0, length)
}
