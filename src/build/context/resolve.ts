import type { TreeEntry } from './context-entry.js'
import { contextInvalid, notInContext } from './context-errors.js'
import type { ContextTree } from './context-tree.js'

/** As Go's `FollowSymlinkInScope`. */
const maxLinks = 255

/**
 * What a path leads to, symlinks followed as if the context were the filesystem's root: they never leave it. A leading slash
 * is the context's root.
 *
 * @throws {NotFoundError} FILE_NOT_FOUND; {ContextError} CONTEXT_INVALID for a path that climbs out of the context, circles
 * or goes on behind a file, in Docker's words
 */
export async function resolve(tree: ContextTree, path: string): Promise<TreeEntry> {
  if (climbsOut(path)) throw forbidden(path)
  const left = components(path)
  let places = [tree.root()]
  for (let links = 0; left.length > 0; ) {
    const name = left.pop() as string
    const here = places.at(-1) as TreeEntry
    if (here.kind !== 'directory') throw forbidden(path)
    if (name === '..') {
      if (places.length > 1) places.pop()
      continue
    }
    const found = await find(tree, here, name)
    if (found === undefined) throw notInContext(path)
    if (found.kind !== 'symlink') {
      places.push(found)
      continue
    }
    const target = found.target as string
    if (++links > maxLinks) throw forbidden(path)
    if (target.startsWith('/')) places = places.slice(0, 1)
    left.push(...components(target))
  }
  return places.at(-1) as TreeEntry
}

async function find(tree: ContextTree, directory: TreeEntry, name: string): Promise<TreeEntry | undefined> {
  const { entries } = await tree.list(directory)
  const path = directory.path === '' ? name : `${directory.path}/${name}`
  return entries.find((entry) => entry.path === path)
}

/** Last first. */
function components(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .reverse()
}

/** Lexically, before any symlink is looked at. */
function climbsOut(path: string): boolean {
  let depth = 0
  for (const name of components(path).reverse()) {
    depth += name === '..' ? -1 : 1
    if (depth < 0) return true
  }
  return false
}

function forbidden(path: string) {
  return contextInvalid(`forbidden path outside the build context: ${path} ()`, { path })
}
