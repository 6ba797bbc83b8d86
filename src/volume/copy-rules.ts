import { posix } from 'node:path'
import { type ErrorCode, InboardError, InvalidOptionError, NotFoundError } from '../errors/index.js'
import type { TreeRoot } from '../layer/index.js'

/** Where files are copied into or out of. */
export interface CopyPlace {
  /** A directory whose content nobody trusts. */
  readonly root: TreeRoot
  readonly kind: 'container' | 'volume'
  readonly name: string
  /** Throws unless files may be put into the directory, whose path is without symlinks. Absent: into all of them. */
  readonly verifyWritable?: (path: string) => void
}

/** What is copied. */
export interface CopySource {
  readonly isDirectory: boolean
  /** What it is called where it arrives, when nobody says otherwise; `.`: not itself, but what is in it. */
  readonly name: string
}

/** Where it is to arrive. */
export interface CopyDestination {
  /** As it was given, or what a symlink there leads to. */
  readonly path: string
  /** Undefined: there is nothing. */
  readonly found: 'directory' | 'file' | undefined
}

/** The directory that it is extracted to, and what it is called there; `.`: its content goes into the directory. */
export interface CopyLanding {
  readonly directory: string
  readonly name: string
}

/**
 * Docker's rules of `docker cp`: a directory that is there takes the source under its name; otherwise the source gets the
 * destination's name.
 *
 * @see https://docs.docker.com/reference/cli/docker/container/cp/
 */
export function landingOf(source: CopySource, { path, found }: CopyDestination): CopyLanding {
  if (found === 'directory') return { directory: posix.resolve('/', path), name: source.name }
  if (found === 'file' && source.isDirectory) throw refused('cannot copy directory')
  if (found === undefined && !source.isDirectory && wantsDirectory(path)) throw noSuchDirectory()
  const whole = posix.resolve('/', path)
  if (meansContent(path)) return { directory: whole, name: '.' }
  return { directory: posix.dirname(whole), name: posix.basename(whole) }
}

/** What a path calls the thing that it leads to. */
export function nameOf(path: string): string {
  return meansContent(path) ? '.' : posix.basename(posix.resolve('/', path)) || '.'
}

/** `a/`, `a/.`: nothing but a directory will do. */
export function wantsDirectory(path: string): boolean {
  return path.endsWith('/') || meansContent(path)
}

/** An absolute path that says what the given one says of its end. */
export function ending(absolute: string, given: string): string {
  if (meansContent(given)) return `${absolute}/.`
  return given.endsWith('/') ? `${absolute}/` : absolute
}

/** The whole tree, and not only what is in it. */
export function isRoot(path: string): boolean {
  return !meansContent(path) && posix.resolve('/', path) === '/'
}

/** `a/.`: what is in the directory, not the directory. */
function meansContent(path: string): boolean {
  return /(?:^|\/)\.\/*$/.test(path)
}

export function verifyGiven(source: string, destination: string): void {
  if (source === '') throw refused('source can not be empty')
  if (destination === '') throw refused('destination can not be empty')
  for (const path of [source, destination]) verifyNoNul(path)
}

/** A path that archives are made of, or extracted to. */
export function verifyPath(path: string): void {
  if (path === '') throw refused('bad parameter: path cannot be empty')
  verifyNoNul(path)
}

function verifyNoNul(path: string): void {
  if (path.includes('\0')) throw refused('a path cannot hold a NUL byte')
}

export function refused(message: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION' })
}

export function notFound({ kind, name }: CopyPlace, path: string): NotFoundError {
  return new NotFoundError(`Could not find the file ${path} in ${kind} ${name}`, {
    code: 'FILE_NOT_FOUND',
    details: { path, [kind]: name },
  })
}

function noSuchDirectory(): NotFoundError {
  return new NotFoundError('no such directory', { code: 'FILE_NOT_FOUND' })
}

const codes: Readonly<Record<string, { readonly code: ErrorCode; readonly says: string }>> = {
  ENOENT: { code: 'FILE_NOT_FOUND', says: 'no such file or directory' },
  ENOTDIR: { code: 'INVALID_OPTION', says: 'not a directory' },
  ELOOP: { code: 'INVALID_OPTION', says: 'too many levels of symbolic links' },
}

/** Why a path cannot be looked at, as Docker says it; what is not the path's fault stays as it is. */
export function cannotLook(how: 'stat' | 'lstat', path: string, error: unknown): unknown {
  const known = codes[errnoOf(error)]
  if (known === undefined) return error
  const Class = known.code === 'FILE_NOT_FOUND' ? NotFoundError : InvalidOptionError
  return new Class(`${how} ${path}: ${known.says}`, { code: known.code, cause: error, details: { path } })
}

/** Of Node's errors and of ours. */
export function errnoOf(error: unknown): string {
  if (error instanceof InboardError) return String(error.details.errno ?? '')
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
