import { createHash } from 'node:crypto'
import { type ContentDigest, copyDigest, digestWords } from './content-digest.js'
import type { TreeEntry } from './context-entry.js'
import type { SourceFile } from './sources.js'
import { WordWriter } from './word-writer.js'

const headWords = 10

/**
 * SHA-256 over what is copied, in its order: names, kinds, modes, owners, devices, symlinks' targets, sizes, contents and
 * files' extended attributes. Times do not count, nor does where the context is. The entries have their digests.
 */
export function checksumOf(files: readonly SourceFile[]): `sha256:${string}` {
  const writer = new WordWriter()
  for (const { entry, name } of files) write(writer, entry as TreeEntry, name)
  return `sha256:${createHash('sha256').update('inboard.context.1').update(writer.bytes()).digest('hex')}`
}

/** Lengths come before what has them, so that no two lists are the same bytes. */
function write(writer: WordWriter, entry: TreeEntry, name: string): void {
  const { kind, size } = entry
  const head = writer.reserve(headWords)
  const nameLength = writer.name(name)
  const targetLength = writer.name(kind === 'symlink' ? (entry.target as string) : '')
  const { words } = writer
  words[head] = nameLength
  words[head + 1] = targetLength
  words[head + 2] = kind.charCodeAt(0)
  words[head + 3] = entry.mode
  words[head + 4] = entry.uid
  words[head + 5] = entry.gid
  words[head + 6] = entry.major
  words[head + 7] = entry.minor
  words[head + 8] = size >>> 0
  words[head + 9] = Math.floor(size / 2 ** 32)
  if (kind !== 'file') return
  const at = writer.reserve(digestWords)
  copyDigest(entry.digest as ContentDigest, writer.words, at)
}
