import type { TreeEntry } from './context-entry.js'
import { notInContext } from './context-errors.js'
import type { ContextTree } from './context-tree.js'
import { clean, hasWildcards } from './go-path.js'
import { compilePattern } from './ignore-pattern.js'
import { type IgnoreLevel, IgnoreRules, rootLevel } from './ignore-rules.js'
import { resolve } from './resolve.js'
import type { SourceFile, SourceOptions } from './sources.js'

/** A directory on the way down, listed when something in it is. */
interface Parent {
  readonly entry: TreeEntry
  readonly name: string
  isListed: boolean
}

/**
 * A directory and what is wanted of all in it, sorted, each directory before its content.
 *
 * @param isWanted asked with paths from the directory; what is in a wanted directory is wanted
 * @param reaches whether something in a directory may be wanted that is not wanted itself; by default everything may
 */
export async function listDirectory(
  tree: ContextTree,
  top: TreeEntry,
  rules: IgnoreRules,
  isWanted: (name: string) => boolean,
  reaches: (name: string) => boolean = () => true,
): Promise<SourceFile[]> {
  const files: SourceFile[] = [{ entry: top, name: '' }]
  const skip = top.path === '' ? 0 : top.path.length + 1
  const parents: Parent[] = []
  const listParents = () => {
    for (const parent of parents) {
      if (!parent.isListed) files.push({ entry: parent.entry, name: parent.name, isParent: true })
      parent.isListed = true
    }
  }
  const walk = async (directory: TreeEntry, level: IgnoreLevel, isAll: boolean): Promise<void> => {
    for (const entry of (await tree.list(directory)).entries) {
      const name = entry.path.slice(skip)
      const isDirectory = entry.kind === 'directory'
      const verdict = rules.verdict(name, level, isDirectory)
      const isIn = isAll || isWanted(name)
      const isListed = isIn && !verdict.isExcluded
      if (isListed) {
        listParents()
        files.push({ entry, name })
      }
      if (!isDirectory || (verdict.isExcluded && !rules.reaches(name)) || !(isIn || reaches(name))) continue
      parents.push({ entry, name, isListed })
      await walk(entry, verdict.level, isIn)
      parents.pop()
    }
  }
  await walk(top, rootLevel, false)
  return files
}

/**
 * What `--parents` copies of a path: the directory that is copied from, then all that matches with the directories that lead
 * there. Wildcards may be `**`; no symlink is followed behind the pivot, `/./`.
 *
 * @throws {NotFoundError} FILE_NOT_FOUND for a path without wildcards that is not there; {ContextError} CONTEXT_INVALID
 */
export async function listWithParents(
  tree: ContextTree,
  path: string,
  { exclude = [] }: SourceOptions = {},
): Promise<SourceFile[]> {
  const pivot = path.indexOf('/./')
  const top = await resolve(tree, pivot < 0 ? '' : path.slice(0, pivot))
  const pattern = clean(`/${path.slice(pivot < 0 ? 0 : pivot + 3)}`).slice(1)
  const rules = IgnoreRules.of(exclude)
  if (top.kind !== 'directory') throw notInContext(path)
  if (pattern === '') return listDirectory(tree, top, rules, () => true)
  if (hasWildcards(pattern)) return listDirectory(tree, top, rules, compilePattern(pattern).matches)
  await verifyThere(tree, top, pattern, path)
  return listDirectory(
    tree,
    top,
    rules,
    (name) => name === pattern,
    (name) => pattern.startsWith(`${name}/`),
  )
}

async function verifyThere(tree: ContextTree, top: TreeEntry, pattern: string, path: string): Promise<void> {
  let here: TreeEntry | undefined = top
  for (const name of pattern.split('/')) {
    const at: string = here.path === '' ? name : `${here.path}/${name}`
    const { entries }: { entries: readonly TreeEntry[] } = await tree.list(here)
    here = entries.find((entry) => entry.path === at)
    if (here === undefined) throw notInContext(path)
  }
}
