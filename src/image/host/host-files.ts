import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { InvalidOptionError, NotFoundError } from '../../errors/index.js'
import { decodeName, encodeName } from '../../layer/index.js'
import { invalidOption } from '../image-errors.js'
import { type Elf, readElf } from './elf.js'
import { followLinks } from './follow-links.js'

/** A path that was looked at, and what it was: what changes this changes the image. */
export type Observation = readonly [path: string, state: string]

const maxTextBytes = 16 * 1024 * 1024

/**
 * The host's files as seen during one call. Each look, also one in vain, is remembered: while all of them would show the
 * same, the result would be the same.
 */
export class HostFiles {
  readonly #stats = new Map<string, BigIntStats | undefined>()
  readonly #listed = new Set<string>()
  readonly #elves = new Map<string, Elf | undefined>()
  readonly #open: number[] = []

  /** lstat(2); undefined for what is not there. */
  stat(path: string): BigIntStats | undefined {
    if (!this.#stats.has(path)) this.#stats.set(path, lstat(path))
    return this.#stats.get(path)
  }

  readlink(path: string): string {
    return decodeName(readlinkSync(encodeName(path), 'buffer'))
  }

  /**
   * The path with every symlink followed; undefined when it leads nowhere.
   *
   * @param onLink is told each symlink on the way, in order, by its own real path
   */
  realpath(path: string, onLink: (path: string, target: string) => void = () => {}): string | undefined {
    return followLinks(path, (real) => {
      const stat = this.stat(real)
      if (!stat) return { kind: 'nothing' }
      if (!stat.isSymbolicLink()) return { kind: 'here' }
      const target = this.readlink(real)
      onLink(real, target)
      return { kind: 'link', target }
    })
  }

  /** The regular file behind a path; undefined when there is none. */
  file(path: string): { path: string; stat: BigIntStats } | undefined {
    const real = this.realpath(path)
    const stat = real === undefined ? undefined : this.stat(real)
    return real !== undefined && stat?.isFile() ? { path: real, stat } : undefined
  }

  /** The names in a directory, sorted. */
  list(path: string): string[] {
    this.#listed.add(path)
    return readdirSync(encodeName(path), { encoding: 'buffer' }).map(decodeName).sort()
  }

  /** A text or table of the host; undefined when there is none. */
  read(path: string): Buffer | undefined {
    const file = this.file(path)
    if (!file || file.stat.size > BigInt(maxTextBytes)) return undefined
    return readFileSync(encodeName(file.path))
  }

  /** The first bytes of a regular file, by its real path. */
  elf(path: string): Elf | undefined {
    if (!this.#elves.has(path)) this.#elves.set(path, this.#readElf(path))
    return this.#elves.get(path)
  }

  observations(): Observation[] {
    return [...this.#stats].map(([path, stat]) => [path, describe(stat, this.#listed.has(path))])
  }

  close(): void {
    for (const descriptor of this.#open.splice(0)) closeSync(descriptor)
  }

  #readElf(path: string): Elf | undefined {
    try {
      // Open to the end of the call: its strings may be asked for.
      const descriptor = openSync(encodeName(path), 'r')
      this.#open.push(descriptor)
      return readElf(descriptor, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
      throw new InvalidOptionError(`${path} may not be read by this user`, {
        code: 'INVALID_OPTION',
        cause: error,
        details: { path },
      })
    }
  }
}

/** Whether everything is still as it was observed. */
export function isUnchanged(observations: readonly Observation[]): boolean {
  return observations.every(([path, state]) => describe(lstat(path), state.startsWith('list')) === state)
}

function lstat(path: string): BigIntStats | undefined {
  try {
    return lstatSync(encodeName(path), { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    // A file where a directory was expected, or one that may not be entered: not there for us.
    if (['ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined
    throw error
  }
}

/** A directory counts by its existence only, unless it was listed: its times change with every neighbour. */
function describe(stat: BigIntStats | undefined, isListed: boolean): string {
  if (!stat) return 'absent'
  if (stat.isDirectory() && !isListed) return `directory ${stat.mode}`
  const { ino, mode, uid, gid, size, mtimeNs, ctimeNs } = stat
  return [isListed ? 'list' : 'file', ino, mode, uid, gid, size, mtimeNs, ctimeNs].join(' ')
}

export function invalidPath(message: string, path: string): InvalidOptionError {
  return invalidOption(message, { path })
}

export function fileNotFound(message: string, details: Record<string, unknown>): NotFoundError {
  return new NotFoundError(message, { code: 'FILE_NOT_FOUND', details })
}
