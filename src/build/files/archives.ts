import type { PlacedSource } from '../../layer/index.js'
import { type BuildContext, isArchive } from '../context/index.js'
import type { Copied } from './copied.js'

/** What is looked at to tell an archive. */
export const headBytes = 64 * 1024

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
