import type { ContextEntry, TreeEntry } from './context-entry.js'
import { contextInvalid } from './context-errors.js'
import type { ContextTree } from './context-tree.js'
import { clean, hasWildcards, matcher, PatternError } from './go-path.js'
import { IgnoreRules } from './ignore-rules.js'
import { listDirectory } from './listing.js'
import { resolve } from './resolve.js'

export interface SourceOptions {
  /** Patterns of what is left out, as in an ignore file: of a directory's content by its path from there, of a file by its name. */
  readonly exclude?: readonly string[] | undefined
}

/** One file or directory that COPY or ADD takes. */
export interface Source {
  /** What it leads to, where a symlink was named. */
  readonly entry: ContextEntry
  /** What it is called where it is copied into a directory; of a directory the content only counts. */
  readonly name: string
}

/** What is copied, in the order in which it is: directories before what is in them. */
export interface SourceFile extends Source {
  /** From where the source is copied to; empty for a directory that is a source itself. */
  readonly name: string
  /** A directory that is there only for what is in it: it is excluded itself, or not what was asked for. */
  readonly isParent?: boolean
}

/**
 * The sources that the paths of COPY or ADD stand for: what they name, or what their wildcards match, sorted.
 *
 * @throws {NotFoundError} FILE_NOT_FOUND; {ContextError} CONTEXT_INVALID, also when they are nothing, in Docker's words
 */
export async function expandSources(
  tree: ContextTree,
  paths: readonly string[],
  { exclude = [] }: SourceOptions = {},
): Promise<Source[]> {
  const rules = IgnoreRules.of(exclude)
  const sources: Source[] = []
  for (const path of paths) sources.push(...(await named(tree, path)))
  if (sources.length === 0) throw contextInvalid('no source files were specified')
  return sources.filter(({ entry, name }) => entry.kind === 'directory' || !rules.excludes(baseOf(name)))
}

async function named(tree: ContextTree, path: string): Promise<Source[]> {
  const relative = path.replace(/^\/+/, '')
  if (!hasWildcards(path)) {
    const entry = await resolve(tree, relative)
    return [{ entry, name: baseOf(clean(`/${relative}`)) }]
  }
  const found = await matching(tree, clean(relative))
  return Promise.all(found.map(async ({ path: at }) => ({ entry: await resolve(tree, at), name: baseOf(at) })))
}

/** As `filepath.Walk` meets them. What is no pattern matches nothing. */
async function matching(tree: ContextTree, pattern: string): Promise<TreeEntry[]> {
  const predicates = pattern.split('/').map(predicate)
  let level: TreeEntry[] = [tree.root()]
  for (const matches of predicates) {
    const listings = await Promise.all(
      level.filter(({ kind }) => kind === 'directory').map((directory) => tree.list(directory)),
    )
    level = listings.flatMap(({ entries }) => entries.filter(({ path }) => matches(baseOf(path))))
  }
  return level
}

function predicate(pattern: string): (name: string) => boolean {
  try {
    return matcher(pattern)
  } catch (error) {
    if (error instanceof PatternError) return () => false
    throw error
  }
}

/**
 * All that is copied of a source, each directory before its content, sorted.
 *
 * @param exclude patterns, as in {@link SourceOptions}; of a source that was expanded with the same
 */
export async function listSource(
  tree: ContextTree,
  source: Source,
  exclude: readonly string[] = [],
): Promise<SourceFile[]> {
  const entry = source.entry as TreeEntry
  if (entry.kind !== 'directory') return [source]
  await tree.load(entry)
  return listDirectory(tree, entry, IgnoreRules.of(exclude), () => true)
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
