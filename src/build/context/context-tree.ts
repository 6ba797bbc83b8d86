import { type ScannedEntry, unpackScan } from '../../host/index.js'
import { type ContextDirectory, TreeEntry } from './context-entry.js'
import { contextChanged, contextInvalid, contextTooLarge } from './context-errors.js'
import type { ContextFiles } from './context-files.js'
import type { ContextLimits } from './context-limits.js'
import { type IgnoreLevel, type IgnoreRules, rootLevel } from './ignore-rules.js'

const maxPathBytes = 4095

export interface ContextTreeOptions {
  /** They stay open as long as the tree is used. */
  readonly files: ContextFiles
  readonly rules: IgnoreRules
  /** Whose all files are; as the filesystem says when absent. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
  readonly limits: Required<ContextLimits>
  readonly signal: AbortSignal | undefined
}

/**
 * What of its files a build can see: without what is excluded, each directory read once, when it is first asked for. It
 * is a picture: what changes later shows when a file is opened, or the tree forgotten.
 */
export class ContextTree {
  readonly #options: ContextTreeOptions
  #top: TreeEntry | undefined
  #entries = 0

  constructor(options: ContextTreeOptions) {
    this.#options = options
  }

  /** All directories are read again. */
  forget(): void {
    this.#top = undefined
    this.#entries = 0
  }

  /** The context's root, whose path is empty. */
  root(): TreeEntry {
    const { files, owner } = this.#options
    this.#top ??= TreeEntry.root(files.mode, owner, rootLevel)
    return this.#top
  }

  /** What a directory has, sorted by name. */
  list(directory: TreeEntry): Promise<ContextDirectory> {
    directory.listing ??= this.#scan(directory)
    return directory.listing
  }

  /** Reads a directory and all below it. */
  async load(directory: TreeEntry): Promise<void> {
    const { entries } = await this.list(directory)
    await Promise.all(entries.filter(({ kind }) => kind === 'directory').map((entry) => this.load(entry)))
  }

  async #scan(directory: TreeEntry): Promise<ContextDirectory> {
    const { limits, signal, owner } = this.#options
    signal?.throwIfAborted()
    const bytes = await this.#read(directory)
    signal?.throwIfAborted()
    const found = sorted(unpackScan(bytes))
    this.#entries += found.length
    if (this.#entries > limits.maxEntries) throw tooMany(limits.maxEntries)
    const entries: TreeEntry[] = []
    for (const scanned of found) {
      const entry = TreeEntry.of(directory, scanned, owner)
      if (entry !== undefined && this.#isShown(entry, directory.level)) entries.push(entry)
    }
    return { entries: await this.#withoutEmpty(entries) }
  }

  async #read({ path }: TreeEntry): Promise<Uint8Array> {
    const { files, limits } = this.#options
    try {
      return await files.scan(path, limits.maxEntries)
    } catch (error) {
      throw scanFailed(error as NodeJS.ErrnoException, path, limits.maxEntries)
    }
  }

  #isShown(entry: TreeEntry, parent: IgnoreLevel): boolean {
    const { rules } = this.#options
    if (rules.isEmpty) return true
    const { isExcluded, level } = rules.verdict(entry.path, parent, entry.kind === 'directory')
    entry.level = level
    entry.isImplied = isExcluded
    return !isExcluded || (entry.kind === 'directory' && rules.reaches(entry.path))
  }

  /** Excluded directories are there only for the exceptions in them. */
  async #withoutEmpty(entries: TreeEntry[]): Promise<TreeEntry[]> {
    if (!entries.some(({ isImplied }) => isImplied)) return entries
    const shown = await Promise.all(
      entries.map(async (entry) => !entry.isImplied || (await this.list(entry)).entries.length > 0),
    )
    return entries.filter((_, at) => shown[at])
  }
}

/** Go's order: by bytes, which for ASCII is that of strings. */
function sorted(found: ScannedEntry[]): ScannedEntry[] {
  if (found.some(({ name }) => name === undefined))
    return found.sort((a, b) => Buffer.compare(a.nameBytes, b.nameBytes))
  return found.sort((a, b) => ((a.name as string) < (b.name as string) ? -1 : 1))
}

function tooMany(maxEntries: number) {
  return contextTooLarge(`The build context has more than ${maxEntries} files; exclude some by .dockerignore.`, {
    maxEntries,
  })
}

function scanFailed(error: NodeJS.ErrnoException, path: string, maxEntries: number): Error {
  switch (error.code) {
    case 'E2BIG':
      return tooMany(maxEntries)
    case 'ENAMETOOLONG':
      return contextTooLarge(`A path of the build context is longer than ${maxPathBytes} bytes.`, {
        path: path.slice(0, 200),
      })
    case 'EACCES':
      return contextInvalid(`error checking context: no permission to read from '${path}'`, { path }, error)
    // It was a directory when its parent was read.
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'EXDEV':
      return contextChanged(path)
    default:
      return error
  }
}
