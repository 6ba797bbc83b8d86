import { NotFoundError } from '../../errors/index.js'
import { readSmall } from './build-context.js'
import type { ContextFiles } from './context-files.js'
import type { ContextTree } from './context-tree.js'
import { IgnoreRules } from './ignore-rules.js'

const ignoreName = '.dockerignore'

/**
 * The rules of a context: `NAME.dockerignore` beside the Dockerfile `NAME`, or `.dockerignore` at its root.
 *
 * @param tree without any rules
 * @throws {ContextError} CONTEXT_INVALID
 */
export async function chooseRules(files: ContextFiles, tree: ContextTree, dockerfile: string, maxBytes: number) {
  for (const path of [`${dockerfile}${ignoreName}`, ignoreName]) {
    const content = await readIfThere(files, tree, path, maxBytes)
    if (content !== undefined) return IgnoreRules.parse(content)
  }
  return IgnoreRules.none
}

/**
 * The rules of a context that came as an archive: all that is in it counts, but the Dockerfile and the ignore file are hidden
 * where the latter says so, as by Docker's daemon.
 */
export async function hidingRules(files: ContextFiles, tree: ContextTree, dockerfile: string, maxBytes: number) {
  const content = await readIfThere(files, tree, ignoreName, maxBytes)
  if (content === undefined) return IgnoreRules.none
  const rules = IgnoreRules.parse(content)
  return IgnoreRules.of([ignoreName, dockerfile].filter((path) => rules.excludes(path)).map(literal))
}

/** A pattern for one path. */
function literal(path: string): string {
  return path.replace(/[*?[\]\\]/g, '\\$&')
}

async function readIfThere(files: ContextFiles, tree: ContextTree, path: string, maxBytes: number) {
  try {
    return await readSmall(files, tree, path, maxBytes)
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}
