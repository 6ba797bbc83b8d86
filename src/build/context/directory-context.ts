import { createHash } from 'node:crypto'
import { closeSync, fstatSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { AT_FDCWD, native, O_DIRECTORY, O_RDONLY } from '../../host/index.js'
import { BuildContext } from './build-context.js'
import type { Owner } from './context-entry.js'
import { contextInvalid } from './context-errors.js'
import { type ContextLimits, withDefaults } from './context-limits.js'
import { ContextTree } from './context-tree.js'
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

/** What a context is, beside its directory. */
export interface ContextNature {
  /** `filters`: its ignore file counts; `hides`: only for the Dockerfile and itself; `nothing`: it does not. */
  readonly ignore: 'filters' | 'hides' | 'nothing'
  /** Patterns of what is never seen. Default: none. */
  readonly hidden?: readonly string[]
  readonly owner: Owner | undefined
  readonly commit?: string
  readonly dispose?: () => Promise<void>
}

/** As Docker's client sends them: whoever owns them here. */
const root = { uid: 0, gid: 0 }

/**
 * A directory of the host. Its path is trusted, its content is not.
 *
 * @throws {ContextError} CONTEXT_INVALID when it is none, or its ignore file is wrong
 */
export function openDirectory(path: string, options: ContextOptions = {}): Promise<BuildContext> {
  return openWith(path, options, { ignore: 'filters', owner: root })
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
    root: fd,
    rules: IgnoreRules.none,
    owner: undefined,
    isFixed: true,
    cache,
    limits,
    signal: options.signal,
  })
}

/** @param path a trusted path */
export async function openWith(path: string, options: ContextOptions, nature: ContextNature): Promise<BuildContext> {
  const { dockerfile = 'Dockerfile', signal } = options
  signal?.throwIfAborted()
  const limits = withDefaults(options.limits)
  const fd = openRoot(path)
  try {
    const { owner, hidden = [] } = nature
    const tree = new ContextTree({ root: fd, rules: IgnoreRules.none, owner, limits, signal })
    const rules =
      options.ignore === undefined
        ? await rulesOf(nature.ignore, fd, tree, dockerfile, limits.maxTextBytes)
        : IgnoreRules.parse(options.ignore)
    const { dev, ino } = fstatSync(fd)
    const cache = StatCache.open(cachePath(options.cacheDirectory, `${dev} ${ino} ${realpathSync(path)}`))
    // What is removed with it was made for it alone.
    const isFixed = nature.dispose !== undefined
    return new BuildContext({ ...nature, isFixed, root: fd, rules: rules.with(hidden), cache, limits, signal })
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function cachePath(directory: string | undefined, context: string): string | undefined {
  if (directory === undefined) return undefined
  return join(directory, createHash('sha256').update(context).digest('hex').slice(0, 32))
}

function openRoot(path: string): number {
  try {
    return native().openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw contextInvalid(`unable to prepare context: path ${JSON.stringify(path)} not found`)
    if (code === 'ENOTDIR') throw contextInvalid(`unable to prepare context: context must be a directory: ${path}`)
    throw error
  }
}

function rulesOf(
  kind: ContextNature['ignore'],
  fd: number,
  tree: ContextTree,
  dockerfile: string,
  maxBytes: number,
): IgnoreRules | Promise<IgnoreRules> {
  switch (kind) {
    case 'filters':
      return chooseRules(fd, tree, dockerfile, maxBytes)
    case 'hides':
      return hidingRules(fd, tree, dockerfile, maxBytes)
    case 'nothing':
      return IgnoreRules.none
    default:
      throw new Error(`unreachable: ${kind satisfies never}`)
  }
}
