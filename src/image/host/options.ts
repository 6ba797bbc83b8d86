import { isAbsolute } from 'node:path'
import { parseReference, withDefaultTag } from '../../reference/reference.js'
import type { ImageRunConfig } from '../../spec/options.js'
import { invalidOption } from '../image-errors.js'

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
  /**
   * Programs by name, found in PATH, or by path. The first is the image's command unless `config` or the base says
   * otherwise. May be left out over a base.
   */
  readonly executables?: readonly string[]
  /**
   * A local image, by name or ID, to which one layer is added; none by default. Its configuration is inherited: `config`
   * replaces fields of it, and variables of its environment one by one.
   */
  readonly from?: string
  /**
   * More files or directories: absolute paths (the same place in the image, symlinks kept), sources with their targets,
   * or a record target → source.
   *
   * An absolute path may be a pattern, as in `/usr/lib/python3/**` or `/etc/ssl/*.pem`: `*` is any run of characters but
   * `/`, `?` one of them, `[a-z]` and `[^a-z]` one of a set, a component `**` any number of directories; a backslash takes
   * what follows as it is. Hidden files match, too; directories that match come with all that is in them; sockets, pipes
   * and devices are left out. At least one file has to match.
   */
  readonly files?: readonly (string | HostFileInput)[] | Readonly<Record<string, string>>
  /** Empty directories, 0755 root's, or with permission bits of their own. */
  readonly directories?: readonly (string | { readonly path: string; readonly mode: number })[]
  /** Replaces what is the default: `Cmd` the first executable, `Env` a PATH that finds all of them; or what the base says. */
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
  /** ID of the base. */
  readonly from: string | undefined
  /** Normalised. */
  readonly reference: string
  readonly path: string
  readonly cwd: string
}

const defaultReference = 'host:latest'
const maxMode = 0o7777

/**
 * @param baseId the ID of the image that `from` names
 * @throws {InvalidOptionError}
 */
export function normalizeFromHost(options: FromHostOptions, baseId?: string): HostImageRequest {
  const { executables = [], files = [], directories = [], config = {}, reference = defaultReference } = options
  const isList = Array.isArray(executables) && executables.every((name) => typeof name === 'string')
  if (!isList || (executables.length === 0 && baseId === undefined))
    throw invalidOption('executables must name at least one program', { executables })
  const name = withDefaultTag(parseReference(reference))
  if (name.digest !== undefined)
    throw invalidOption(`${reference} has a digest, which a new image cannot have`, { reference })
  return {
    executables,
    files: isFileList(files)
      ? files.map(checkFile)
      : Object.entries(files).map(([target, source]) => checkFile({ source, target })),
    directories: directories.map((item) =>
      checkDirectory(typeof item === 'string' ? { path: item, mode: 0o755 } : item),
    ),
    config,
    from: baseId,
    reference: name.toString(),
    path: process.env.PATH ?? '',
    cwd: process.cwd(),
  }
}

function isFileList(files: NonNullable<FromHostOptions['files']>): files is readonly (string | HostFileInput)[] {
  return Array.isArray(files)
}

function checkFile(file: string | HostFileInput): string | HostFileInput {
  if (typeof file === 'string') {
    if (isAbsolute(file)) return file
    throw invalidOption(`${JSON.stringify(file)} must be an absolute path, or have a target`, { file })
  }
  if (!isAbsolute(file.target))
    throw invalidOption(`the target ${JSON.stringify(file.target)} must be an absolute path`, { file })
  checkMode(file.mode ?? 0)
  return file
}

function checkDirectory(directory: { readonly path: string; readonly mode: number }) {
  if (!isAbsolute(directory.path))
    throw invalidOption(`the directory ${JSON.stringify(directory.path)} must be an absolute path`, { directory })
  checkMode(directory.mode)
  return directory
}

function checkMode(mode: number): void {
  if (!Number.isInteger(mode) || mode < 0 || mode > maxMode) throw invalidOption(`${mode} is not a file mode`, { mode })
}
