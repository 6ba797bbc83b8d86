import { isAbsolute } from 'node:path'
import { InvalidOptionError } from '../../errors/index.js'
import { parseReference, withDefaultTag } from '../../reference/reference.js'
import type { ImageRunConfig } from '../../spec/options.js'

/** A file or directory of the host and its place in the image. */
export interface HostFileInput {
  /** A path of the host; a directory is copied with all that is in it. */
  readonly source: string
  /** An absolute path in the image. */
  readonly target: string
  /** Permission bits; the source's by default. */
  readonly mode?: number
}

export interface FromHostOptions {
  /** Programs by name, found in PATH, or by path. The first is the image's command unless `config` says otherwise. */
  readonly executables: readonly string[]
  /**
   * More files or directories: absolute paths (the same place in the image, symlinks kept), sources with their targets,
   * or a record target → source.
   */
  readonly files?: readonly (string | HostFileInput)[] | Readonly<Record<string, string>>
  /** Empty directories, 0755 root's, or with permission bits of their own. */
  readonly directories?: readonly (string | { readonly path: string; readonly mode: number })[]
  /** Replaces what is the default: `Cmd` the first executable, `Env` a PATH that finds all of them. */
  readonly config?: ImageRunConfig
  /** The image's name; `host:latest` by default. */
  readonly reference?: string
  readonly signal?: AbortSignal
}

/** The options, checked and complete; JSON-serialisable. */
export interface HostImageRequest {
  readonly executables: readonly string[]
  readonly files: readonly (string | HostFileInput)[]
  readonly directories: readonly { readonly path: string; readonly mode: number }[]
  readonly config: ImageRunConfig
  /** Normalised. */
  readonly reference: string
  readonly path: string
  readonly cwd: string
}

const defaultReference = 'host:latest'
const maxMode = 0o7777

/** @throws {InvalidOptionError} */
export function normalizeFromHost(options: FromHostOptions): HostImageRequest {
  const { executables, files = [], directories = [], config = {}, reference = defaultReference } = options
  if (!Array.isArray(executables) || executables.length === 0 || executables.some((name) => typeof name !== 'string')) {
    throw invalid('executables must name at least one program', { executables })
  }
  const name = withDefaultTag(parseReference(reference))
  if (name.digest !== undefined)
    throw invalid(`${reference} has a digest, which a new image cannot have`, { reference })
  return {
    executables,
    files: isList(files)
      ? files.map(checkFile)
      : Object.entries(files).map(([target, source]) => checkFile({ source, target })),
    directories: directories.map((item) =>
      checkDirectory(typeof item === 'string' ? { path: item, mode: 0o755 } : item),
    ),
    config,
    reference: name.toString(),
    path: process.env.PATH ?? '',
    cwd: process.cwd(),
  }
}

function isList(files: NonNullable<FromHostOptions['files']>): files is readonly (string | HostFileInput)[] {
  return Array.isArray(files)
}

function checkFile(file: string | HostFileInput): string | HostFileInput {
  if (typeof file === 'string') {
    if (isAbsolute(file)) return file
    throw invalid(`${JSON.stringify(file)} must be an absolute path, or have a target`, { file })
  }
  if (!isAbsolute(file.target))
    throw invalid(`the target ${JSON.stringify(file.target)} must be an absolute path`, { file })
  checkMode(file.mode ?? 0)
  return file
}

function checkDirectory(directory: { readonly path: string; readonly mode: number }) {
  if (!isAbsolute(directory.path))
    throw invalid(`the directory ${JSON.stringify(directory.path)} must be an absolute path`, { directory })
  checkMode(directory.mode)
  return directory
}

function checkMode(mode: number): void {
  if (!Number.isInteger(mode) || mode < 0 || mode > maxMode) throw invalid(`${mode} is not a file mode`, { mode })
}

function invalid(message: string, details: Record<string, unknown>): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', details })
}
