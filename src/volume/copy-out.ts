import { lstat, readlink, stat } from 'node:fs/promises'
import { posix, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { NotFoundError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { copyPlain, type ExtractPlainResult, isDirectory, packPlain } from '../layer/index.js'
import { noLimits, readableOf } from './archive.js'
import { find, type PathStat, pathStat } from './copy-place.js'
import {
  type CopyDestination,
  type CopyPlace,
  cannotLook,
  ending,
  errnoOf,
  isRoot,
  landingOf,
  nameOf,
  refused,
  verifyGiven,
  verifyPath,
} from './copy-rules.js'

/** Options of `copyFrom()`. */
export interface CopyOutOptions {
  /** Copy what a symlink at the source's end leads to, inside the tree, not the symlink. Default false. */
  readonly followLink?: boolean | undefined
  /**
   * Files keep their owners, by number, and with them setuid and setgid, capabilities and access control lists. Default false:
   * they are the calling user's, and nobody else's rights come with them.
   */
  readonly archive?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Copies a file or directory of a tree to the host, by Docker's rules, as {@link copyIn} does the other way. Symlinks arrive as
 * they are; none of them is followed, nothing is written but below the target. After a failure what was copied before it stays.
 *
 * @throws {NotFoundError} FILE_NOT_FOUND; {InvalidOptionError} as `docker cp` refuses; {LayerError} LAYER_INVALID when a
 * directory would take a file's place, or a file a directory's; {SyscallError}
 */
export async function copyOut(
  place: CopyPlace,
  path: string,
  hostTarget: string,
  { followLink = false, archive = false, signal }: CopyOutOptions = {},
): Promise<ExtractPlainResult> {
  verifyGiven(path, hostTarget)
  await verifyTarget(hostTarget)
  const found = await find(place, path, { followLink, signal })
  const source = { isDirectory: isDirectory(found.stat), name: nameOf(path) }
  const { directory, name } = landingOf(source, await destinationOf(hostTarget))
  await verifyDirectory(directory)
  const rules = archive ? {} : { owner: caller(), keepsPrivileges: false }
  const from = { path: found.path, name }
  return await reporting('cannot copy the files', () =>
    copyPlain(
      place.root,
      from,
      { directory, crossesMounts: true },
      { ...rules, keepsKinds: true, setsRoot: false, rootName: directory, limits: noLimits, signal },
    ),
  )
}

/** A tar that is made as it is read, and what it is of. */
export type CopiedArchive = Readable & { readonly stat: PathStat }

/** Options of {@link getArchive}. */
export interface GetArchiveOptions {
  /** Pack what a symlink at the path's end leads to, inside the tree, not the symlink. Default false. */
  readonly followLink?: boolean | undefined
  /** Awaited before the end of the stream is told; when it fails, so does the stream. */
  readonly beforeEnd?: (() => Promise<void>) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A file or directory of a tree as a tar, as `docker cp CONTAINER:PATH -`, and what it is. */
export async function getArchive(
  place: CopyPlace,
  path: string,
  { followLink = false, beforeEnd, signal }: GetArchiveOptions = {},
): Promise<CopiedArchive> {
  verifyPath(path)
  const found = await find(place, path, { followLink, signal })
  const pack = async function* (stop: AbortSignal) {
    yield* packPlain(place.root, { path: found.path, name: entryName(path), signal: stop })
    await beforeEnd?.()
  }
  return Object.assign(readableOf(pack, signal), { stat: pathStat(found, path) })
}

function caller(): { uid: number; gid: number } {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 }
}

/** Before anything is looked at in the tree, as Docker's command does. */
async function verifyTarget(target: string): Promise<void> {
  const parent = posix.dirname(resolve(target))
  await stat(parent).catch((error) => {
    if (errnoOf(error) !== 'ENOENT') throw cannotLook('stat', parent, error)
    throw new NotFoundError(`invalid output path: directory "${parent}" does not exist`, {
      code: 'FILE_NOT_FOUND',
      cause: error,
      details: { path: target },
    })
  })
  const there = await stat(target).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw cannotLook('stat', target, error)
  })
  if (there?.isCharacterDevice() || there?.isBlockDevice())
    throw refused(`invalid output path: "${target}" must be a directory or a regular file: got a device`)
}

const maxLinks = 10

/** A symlink is followed also when nothing is where it leads: the copy will be there. */
async function destinationOf(target: string): Promise<CopyDestination> {
  let path = ending(resolve(target), target)
  try {
    for (let links = 0; ; links++) {
      const there = await lstatIfThere(path)
      if (!there?.isSymbolicLink()) return { path, found: there && (there.isDirectory() ? 'directory' : 'file') }
      if (links > maxLinks) throw refused(`too many symlinks in ${target}`)
      path = posix.resolve(posix.dirname(path), await readlink(path))
    }
  } catch (error) {
    throw cannotLook('lstat', target, error)
  }
}

async function verifyDirectory(path: string): Promise<void> {
  const there = await stat(path).catch((error) => {
    throw cannotLook('stat', path, error)
  })
  if (!there.isDirectory()) throw refused('not a directory')
}

async function lstatIfThere(path: string) {
  try {
    return await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** What names in an archive begin with. Docker's command puts its target's name in the place of that. */
function entryName(path: string): string {
  const name = isRoot(path) ? '/' : nameOf(path)
  return name === '.' ? './' : name
}
