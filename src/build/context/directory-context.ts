import { createHash } from 'node:crypto'
import { fstatSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { native, O_DIRECTORY, O_RDONLY } from '../../host/index.js'
import { BuildContext } from './build-context.js'
import type { Owner } from './context-entry.js'
import type { ContextFiles } from './context-files.js'
import { type ContextLimits, withDefaults } from './context-limits.js'
import { ContextTree } from './context-tree.js'
import { DirectoryFiles, type DirectoryPlace, directoryFiles } from './directory-files.js'
import { chooseRules, hidingRules } from './ignore-choice.js'
import { IgnoreRules } from './ignore-rules.js'
import { StatCache } from './stat-cache.js'

export interface ContextOptions {
  /** The Dockerfile's path from the context's root. Default: `Dockerfile`. */
  readonly dockerfile?: string | undefined
  /** The text of an ignore file that counts in place of those in the context: of a Dockerfile that is elsewhere. */
  readonly ignore?: Buffer | undefined
  /** A directory of the engine's own, for digests that later builds use; without it they are computed each time. */
  readonly cacheDirectory?: string | undefined
  readonly limits?: ContextLimits | undefined
  /** Stops what is read for the context. */
  readonly signal?: AbortSignal | undefined
}

/** What a context is, beside its files. */
export interface ContextNature {
  /** `filters`: its ignore file counts; `hides`: only for the Dockerfile and itself; `nothing`: it does not. */
  readonly ignore: 'filters' | 'hides' | 'nothing'
  /** Patterns of what is never seen. Default: none. */
  readonly hidden?: readonly string[]
  readonly owner: Owner | undefined
  readonly commit?: string
}

/** As Docker's client sends them: whoever owns them here. */
const root = { uid: 0, gid: 0 }

/**
 * A directory of the host. Its path is trusted, its content is not.
 *
 * @throws {ContextError} CONTEXT_INVALID when it is none, or its ignore file is wrong
 */
export function openDirectory(path: string, options: ContextOptions = {}): Promise<BuildContext> {
  return openWith({ path }, options, { ignore: 'filters', owner: root })
}

/**
 * The files of a container's or an image's root, which nobody changes meanwhile, with the owners that they have there.
 *
 * @param root a descriptor, which stays the caller's
 */
export async function openFiles(
  root: number,
  options: Pick<ContextOptions, 'limits' | 'signal'> = {},
): Promise<BuildContext> {
  const fd = native().openat2(root, '.', O_RDONLY | O_DIRECTORY, 0, 0)
  const limits = withDefaults(options.limits)
  const cache = StatCache.open(undefined)
  return new BuildContext({
    files: new DirectoryFiles(fd, true),
    rules: IgnoreRules.none,
    owner: undefined,
    cache,
    limits,
    signal: options.signal,
  })
}

/** A context of a directory whose path is trusted. */
export async function openWith(
  place: DirectoryPlace,
  options: ContextOptions,
  nature: ContextNature,
): Promise<BuildContext> {
  options.signal?.throwIfAborted()
  const files = directoryFiles(place)
  try {
    const { dev, ino } = fstatSync(await files.directory())
    const cache = StatCache.open(cachePath(options.cacheDirectory, `${dev} ${ino} ${realpathSync(place.path)}`))
    return await openFrom(files, options, nature, cache)
  } catch (error) {
    await files.close()
    throw error
  }
}

/** A context of these files, which closes them. */
export async function openFrom(
  files: ContextFiles,
  options: Omit<ContextOptions, 'cacheDirectory'>,
  { ignore, hidden = [], owner, commit }: ContextNature,
  cache = StatCache.open(undefined),
): Promise<BuildContext> {
  const { dockerfile = 'Dockerfile', signal } = options
  const limits = withDefaults(options.limits)
  const tree = new ContextTree({ files, rules: IgnoreRules.none, owner, limits, signal })
  const rules =
    options.ignore === undefined
      ? await rulesOf(ignore, files, tree, dockerfile, limits.maxTextBytes)
      : IgnoreRules.parse(options.ignore)
  return new BuildContext({ commit, owner, files, rules: rules.with(hidden), cache, limits, signal })
}

function cachePath(directory: string | undefined, context: string): string | undefined {
  if (directory === undefined) return undefined
  return join(directory, createHash('sha256').update(context).digest('hex').slice(0, 32))
}

function rulesOf(
  kind: ContextNature['ignore'],
  files: ContextFiles,
  tree: ContextTree,
  dockerfile: string,
  maxBytes: number,
): IgnoreRules | Promise<IgnoreRules> {
  switch (kind) {
    case 'filters':
      return chooseRules(files, tree, dockerfile, maxBytes)
    case 'hides':
      return hidingRules(files, tree, dockerfile, maxBytes)
    case 'nothing':
      return IgnoreRules.none
    default:
      throw new Error(`unreachable: ${kind satisfies never}`)
  }
}
