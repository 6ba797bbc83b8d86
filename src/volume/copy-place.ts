import { reporting } from '../errors/system.js'
import { S_IFBLK, S_IFCHR, S_IFMT } from '../host/index.js'
import { isDirectory, type Location, locate } from '../layer/index.js'
import { type CopyDestination, type CopyPlace, cannotLook, isRoot, nameOf, notFound, refused } from './copy-rules.js'

/** What is at a path, as Docker tells it. */
export interface PathStat {
  /** The path's last name. */
  readonly name: string
  readonly size: number
  /** Type and permissions, as stat(2) has them. */
  readonly mode: number
  readonly mtime: readonly [seconds: number, nanoseconds: number]
  /** Where a symlink leads in the end, from the root; else empty. */
  readonly linkTarget: string
}

/** A file that was found, and its path without symlinks but itself. */
export interface Found extends Location {
  readonly stat: NonNullable<Location['stat']>
}

/** What was found at a path, as Docker tells it. */
export function pathStat({ stat, target = '' }: Found, path: string): PathStat {
  const { size, mode, mtime } = stat
  return { name: isRoot(path) ? '/' : nameOf(path), size, mode, mtime, linkTarget: target }
}

/** Finds what is at a path. A symlink there is what is found, unless it is to be followed. */
export async function find(
  place: CopyPlace,
  path: string,
  { followLink = false, signal }: { readonly followLink?: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Found> {
  const found = await look(place, path, signal)
  if (!followLink || found.target === undefined) return found
  return look(place, found.target, signal)
}

async function look(place: CopyPlace, path: string, signal: AbortSignal | undefined): Promise<Found> {
  try {
    const { stat, ...found } = await reporting(`cannot look at ${path}`, () => locate(place.root, path, signal))
    if (stat === undefined) throw notFound(place, path)
    return { ...found, stat }
  } catch (error) {
    throw cannotLook('lstat', path, error)
  }
}

/** What copies would meet at a path. What cannot be looked at counts as missing: the copy itself will tell. */
export async function destinationIn(
  place: CopyPlace,
  path: string,
  signal: AbortSignal | undefined,
): Promise<CopyDestination> {
  const first = await lookOrMiss(place, path, signal)
  const isLink = first?.target !== undefined
  const real = isLink ? (first.target as string) : path
  const { stat } = (isLink ? await lookOrMiss(place, real, signal) : first) ?? {}
  if (stat === undefined) return { path: real, found: undefined }
  if ([S_IFCHR, S_IFBLK].includes(stat.mode & S_IFMT))
    throw refused(`destination "${place.name}:${path}" must be a directory or a regular file: got a device`)
  return { path: real, found: isDirectory(stat) ? 'directory' : 'file' }
}

async function lookOrMiss(
  { root }: CopyPlace,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Location | undefined> {
  try {
    return await locate(root, path, signal)
  } catch (error) {
    signal?.throwIfAborted()
    if (cannotLook('lstat', path, error) === error) throw error
    return undefined
  }
}

/** @throws unless archives can be extracted there */
export async function verifyLanding(place: CopyPlace, path: string, signal: AbortSignal | undefined): Promise<void> {
  const found = await find(place, path, { followLink: true, signal })
  if (!isDirectory(found.stat)) throw refused('extraction point is not a directory')
  place.verifyWritable?.(found.path)
}
