import { lstat, realpath, stat } from 'node:fs/promises'
import { posix, resolve } from 'node:path'
import { reporting } from '../errors/system.js'
import { copyPlain, type ExtractPlainResult, extractPlain } from '../layer/index.js'
import { type ArchiveSource, noLimits, readingFrom } from './archive.js'
import { destinationIn, verifyLanding } from './copy-place.js'
import {
  type CopyPlace,
  type CopySource,
  cannotLook,
  ending,
  landingOf,
  nameOf,
  verifyGiven,
  verifyPath,
  wantsDirectory,
} from './copy-rules.js'

/** Options of `copyTo()`. */
export interface CopyInOptions {
  /** Copy what a symlink at the source's end leads to, not the symlink. Default false. */
  readonly followLink?: boolean | undefined
  /** Who gets the files. Default: they keep their owners, by number, as under Docker. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where all paths of the host begin. */
const host = { directory: '/', crossesMounts: true } as const

/**
 * Copies a file or directory of the host into a tree, by Docker's rules: `dir/.` is what is in the directory; a destination
 * that is a directory takes the source under its name, any other destination is its new name. Symlinks of the tree are
 * followed inside it. After a failure what was copied before it stays.
 *
 * @throws {NotFoundError} FILE_NOT_FOUND; {InvalidOptionError} as `docker cp` refuses; {LayerError} LAYER_INVALID when a
 * directory would take a file's place, or a file a directory's; {SyscallError}
 */
export async function copyIn(
  hostSource: string,
  place: CopyPlace,
  path: string,
  { followLink = false, owner, signal }: CopyInOptions = {},
): Promise<ExtractPlainResult> {
  verifyGiven(hostSource, path)
  const destination = await destinationIn(place, path, signal)
  const source = await sourceOf(hostSource, followLink)
  const { directory, name } = landingOf(source, destination)
  await verifyLanding(place, directory, signal)
  return await reporting('cannot copy the files', () =>
    copyPlain(host, { path: source.path, name }, place.root, {
      path: directory,
      owner,
      keepsKinds: true,
      setsRoot: false,
      limits: noLimits,
      signal,
    }),
  )
}

/** Options of {@link putArchive}. */
export interface PutArchiveOptions {
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Refuse a file in a directory's place, and the other way round; else the directory goes with all that is in it. Default true. */
  readonly noOverwriteDirNonDir?: boolean | undefined
  /** Take an archive without an end-of-archive marker. Default false. */
  readonly toleratesMissingEnd?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Extracts an archive to a directory of a tree, as `docker cp - CONTAINER:PATH`. */
export async function putArchive(
  tar: ArchiveSource,
  place: CopyPlace,
  path: string,
  { owner, noOverwriteDirNonDir: keepsKinds = true, toleratesMissingEnd, signal }: PutArchiveOptions = {},
): Promise<ExtractPlainResult> {
  return await readingFrom(tar, async (source) => {
    verifyPath(path)
    await verifyLanding(place, path, signal)
    return await reporting('cannot extract the archive', () =>
      extractPlain(source, place.root, {
        path,
        owner,
        keepsKinds,
        replacesDirectories: !keepsKinds,
        toleratesMissingEnd,
        setsRoot: false,
        limits: noLimits,
        signal,
      }),
    )
  })
}

interface HostSource extends CopySource {
  /** Without symlinks but itself. */
  readonly path: string
}

async function sourceOf(given: string, followLink: boolean): Promise<HostSource> {
  const whole = resolve(given)
  const named = ending(whole, given)
  const follows = followLink || wantsDirectory(given)
  try {
    const found = await (follows ? stat(named) : lstat(whole))
    const path = await (follows ? realpath(whole) : withoutLinks(whole))
    return { path, isDirectory: found.isDirectory(), name: nameOf(named) }
  } catch (error) {
    throw cannotLook('lstat', given, error)
  }
}

/** But for the last name. */
async function withoutLinks(path: string): Promise<string> {
  return posix.join(await realpath(posix.dirname(path)), posix.basename(path))
}
