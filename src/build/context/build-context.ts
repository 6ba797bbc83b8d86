import { checksumOf } from './checksum.js'
import { Contents } from './contents.js'
import type { ContextEntry, Owner, TreeEntry } from './context-entry.js'
import { contextInvalid, contextTooLarge } from './context-errors.js'
import { beneath } from './context-file.js'
import type { ContextFiles } from './context-files.js'
import type { ContextLimits } from './context-limits.js'
import { ContextTree } from './context-tree.js'
import { IgnoreRules } from './ignore-rules.js'
import { listWithParents } from './listing.js'
import { resolve } from './resolve.js'
import { expandSources, listSource, type Source, type SourceFile, type SourceOptions } from './sources.js'
import type { StatCache } from './stat-cache.js'

export interface BuildContextOptions {
  /** The context closes them. */
  readonly files: ContextFiles
  readonly rules: IgnoreRules
  readonly owner: Owner | undefined
  readonly cache: StatCache
  readonly limits: Required<ContextLimits>
  readonly signal: AbortSignal | undefined
  /** Where it came from: of a git repository the commit. */
  readonly commit?: string | undefined
}

export interface ContextPlace {
  /** A descriptor of the directory. */
  readonly root: number
  /** How names are opened in it: openat2(2). */
  readonly resolve: number
  /** Whose files count as; as the filesystem says when absent. */
  readonly owner: Owner | undefined
  /** Whether nobody else can change them. */
  readonly isFixed: boolean
}

/**
 * The files that a build can read: those of a directory that nobody trusts, or of an archive, without what is excluded. Only what is asked for is read.
 *
 * What it says is of one moment for each directory; {@link checksum} and {@link head} refuse files that were changed since,
 * and {@link verifyUnchanged} says whether what was copied is what the checksum is of.
 */
export class BuildContext implements AsyncDisposable {
  /** Of a git repository: the commit that is checked out. */
  readonly commit: string | undefined
  readonly #options: BuildContextOptions
  readonly #tree: ContextTree
  readonly #contents: Contents
  #isOpen = true

  constructor(options: BuildContextOptions) {
    this.commit = options.commit
    this.#options = options
    this.#tree = new ContextTree(options)
    this.#contents = new Contents(options)
  }

  /** Whether a path is left out. Undefined where nothing is, or not everything below such a path (`!`): then nobody can say. */
  get isIgnored(): ((path: string) => boolean) | undefined {
    const { rules } = this.#options
    return rules.isEmpty || rules.hasExceptions ? undefined : (path) => rules.excludes(path)
  }

  /**
   * What a path leads to, symlinks followed within the context.
   *
   * @throws {NotFoundError} FILE_NOT_FOUND; {ContextError} CONTEXT_INVALID
   */
  stat(path: string): Promise<ContextEntry> {
    return resolve(this.#tree, path)
  }

  /** What a directory has, sorted; empty for what is none. @throws as {@link stat} */
  async list(path: string): Promise<readonly ContextEntry[]> {
    const entry = await resolve(this.#tree, path)
    return entry.kind === 'directory' ? (await this.#tree.list(entry)).entries : []
  }

  /** The sources that paths of COPY or ADD stand for. @throws as {@link stat}, also when there are none */
  expand(paths: readonly string[], options?: SourceOptions): Promise<Source[]> {
    return expandSources(this.#tree, paths, options)
  }

  /** All that is copied of a source: directories before what is in them, sorted. */
  files(source: Source, { exclude }: Pick<SourceOptions, 'exclude'> = {}): Promise<SourceFile[]> {
    return listSource(this.#tree, source, exclude)
  }

  /**
   * All that is copied of a path with `--parents`: the directory that it is copied from first.
   *
   * @throws as {@link stat}
   */
  filesWithParents(path: string, options?: SourceOptions): Promise<SourceFile[]> {
    return listWithParents(this.#tree, path, options)
  }

  /**
   * SHA-256 of what is copied: its names, kinds, modes, owners, targets, sizes, contents and files' extended attributes; not its times.
   *
   * @throws {ContextError} CONTEXT_CHANGED for files that are written to while they are read
   */
  async checksum(files: readonly SourceFile[]): Promise<`sha256:${string}`> {
    await this.#contents.ensure(files.map(({ entry }) => entry as TreeEntry))
    return checksumOf(files)
  }

  /** Where its files are, for who copies them. */
  async place(): Promise<ContextPlace> {
    const { files, owner } = this.#options
    return { root: await files.directory(), resolve: beneath, owner, isFixed: files.isFixed }
  }

  /** The first bytes of a file of {@link files}. @throws {ContextError} CONTEXT_CHANGED, CONTEXT_INVALID */
  head(entry: ContextEntry, maxBytes: number): Buffer {
    if (entry.kind !== 'file') throw contextInvalid(`${JSON.stringify(entry.path)} is no file`, { path: entry.path })
    return this.#options.files.read(entry as TreeEntry, maxBytes)
  }

  /**
   * A small file, whether or not it is excluded: the Dockerfile.
   *
   * @throws {ContextError} CONTEXT_TOO_LARGE, and as {@link stat}
   */
  async readText(path: string): Promise<Buffer> {
    const { files, limits } = this.#options
    return readSmall(files, new ContextTree({ ...this.#options, rules: IgnoreRules.none }), path, limits.maxTextBytes)
  }

  /** @throws {ContextError} CONTEXT_CHANGED when a file or symlink of these is not as it was when it was listed */
  async verifyUnchanged(files: readonly SourceFile[]): Promise<void> {
    const entries = files.map(({ entry }) => entry as TreeEntry)
    await this.#options.files.verifyUnchanged(entries, this.#options.limits.maxEntries)
  }

  /** Keeps the digests for later builds, closes the files, removes them where they were made for the context. */
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    try {
      // A build does not fail for a cache that cannot be written.
      await this.#contents.store().catch(() => {})
    } finally {
      await this.#options.files.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** @throws {NotFoundError} FILE_NOT_FOUND; {ContextError} */
export async function readSmall(
  files: ContextFiles,
  tree: ContextTree,
  path: string,
  maxBytes: number,
): Promise<Buffer> {
  const entry = await resolve(tree, path)
  if (entry.kind !== 'file') throw contextInvalid(`${JSON.stringify(path)} is no file`, { path })
  if (entry.size > maxBytes) throw contextTooLarge(`${JSON.stringify(path)} has more than ${maxBytes} bytes.`, { path })
  return files.read(entry, maxBytes)
}
