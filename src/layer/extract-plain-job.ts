import { native, O_DIRECTORY, O_PATH, withDescriptor } from '../host/index.js'
import { decompress } from './compression.js'
import { readChunks } from './extract-job.js'
import { realPath } from './locate-job.js'
import { PlainExtractor } from './plain-extractor.js'
import type { ExtractPlainRequest, ExtractPlainResult, ExtractRules } from './plain-jobs.js'
import { TarReader } from './tar-reader.js'
import { openTree, type TreeRoot, within } from './tree.js'

/** Decompresses, parses and writes a plain archive in one pass; `checkpoint` throws when the job is aborted. */
export async function extractPlainJob(
  { root, path, file, limits, ...rules }: ExtractPlainRequest,
  received: AsyncIterable<Uint8Array>,
  checkpoint: () => void,
): Promise<ExtractPlainResult> {
  const extractor = extractorAt(root, path, rules)
  try {
    const reader = new TarReader(extractor, limits)
    const source = file === undefined ? received : readChunks(file, undefined, checkpoint)
    for await (const chunk of decompress(source, limits)) {
      checkpoint()
      reader.push(chunk)
    }
    reader.finish(rules.toleratesMissingEnd)
    extractor.finish()
    return { entries: extractor.entries, size: extractor.size }
  } finally {
    extractor.close()
  }
}

/** To be closed. @param path the directory of the tree that it is extracted to; symlinks are followed */
export function extractorAt(root: TreeRoot, path: string, rules: ExtractRules): PlainExtractor {
  return new PlainExtractor(native(), root, directoryPath(root, path), rules)
}

/** A directory of a tree as archives name it: relative to the root. @throws ENOENT, ENOTDIR */
function directoryPath(root: TreeRoot, path: string): string {
  return withDescriptor(openTree(native(), root), (top) => {
    const real = realPath(native(), top, root, path).slice(1)
    const fd = native().openat2(top, real === '' ? '.' : real, O_PATH | O_DIRECTORY, 0, within(root))
    return withDescriptor(fd, () => real)
  })
}
