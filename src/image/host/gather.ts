import { resolve } from 'node:path'
import type { Native, Time } from '../../host/native.js'
import type { PackEntry } from '../../layer/index.js'
import type { ImageFiles } from '../../snapshot/index.js'
import type { ImageRunConfig } from '../../spec/options.js'
import { fileNotFound, HostFiles, type Observation } from './host-files.js'
import type { HostImageRequest } from './options.js'
import { expandPattern, isPattern } from './patterns.js'
import { Programs } from './programs.js'
import { ImageTree } from './tree.js'

/** What an image of the host consists of. */
export interface Gathered {
  readonly entries: readonly PackEntry[]
  readonly newest: Time
  readonly config: ImageRunConfig
  readonly observations: readonly Observation[]
}

/** What a layer is added to. */
export interface Base {
  readonly files: Pick<ImageFiles, 'lookup'>
  readonly config: ImageRunConfig
}

/** Files that every image without a base has unless it is given others; the values are their contents. */
export const baseFiles: Readonly<Record<string, string>> = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  '/etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n',
}

const baseDirectories: Readonly<Record<string, number>> = {
  '/dev': 0o755,
  '/etc': 0o755,
  '/proc': 0o555,
  '/run': 0o755,
  '/sys': 0o555,
  '/tmp': 0o1777,
  '/var': 0o755,
  '/var/tmp': 0o1777,
}

/** Where distributions that have merged /usr keep symlinks: without them nothing is where programs expect it. */
const mergedDirectories = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']

const defaultPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * Looks up all files of an image, and reads of them only what tells their dependencies.
 *
 * @param generated files of the host that have the contents of {@link baseFiles}
 * @param base has what an image needs beside what is asked for
 */
export function gather(
  request: HostImageRequest,
  generated: Readonly<Record<string, string>>,
  native: Pick<Native, 'getxattrAt'>,
  base?: Base,
): Gathered {
  const files = new HostFiles()
  try {
    const tree = new ImageTree(files, native, base?.files)
    if (!base) layFoundation(files, tree)
    const programs = new Programs(files, tree, request.path)
    const paths = request.executables.map((name) => programs.add(name))
    if (programs.needsLibraryCache) tree.hostFile('/etc/ld.so.cache')
    // Left at 0755 where programs are in it, as version managers have them: all users of the image may run these.
    if (!base) tree.directory('/root', 0o700)
    for (const { path, mode } of request.directories) tree.directory(path, mode)
    for (const file of request.files) addFile(file, files, tree, request.cwd)
    for (const [path, source] of Object.entries(generated)) if (!tree.has(path)) tree.generated(path, source)
    return { ...tree.entries(), config: imageConfig(request, paths, base), observations: files.observations() }
  } finally {
    files.close()
  }
}

function layFoundation(files: HostFiles, tree: ImageTree): void {
  for (const path of mergedDirectories) mirrorLink(path, files, tree)
  for (const [path, mode] of Object.entries(baseDirectories)) tree.directory(path, mode)
}

function mirrorLink(path: string, files: HostFiles, tree: ImageTree): void {
  if (!files.stat(path)?.isSymbolicLink()) return
  const target = files.realpath(path)
  if (target === undefined || !files.stat(target)?.isDirectory()) return
  tree.directory(target)
  tree.link(path)
}

function addFile(file: HostImageRequest['files'][number], files: HostFiles, tree: ImageTree, cwd: string): void {
  if (typeof file !== 'string') tree.copy(resolve(cwd, file.source), file.target, file.mode)
  else if (isPattern(file)) addMatching(file, files, tree)
  else tree.hostFile(file)
}

function addMatching(pattern: string, files: HostFiles, tree: ImageTree): void {
  let count = 0
  for (const path of expandPattern(files, pattern)) if (tree.match(path)) count++
  if (count === 0) throw fileNotFound(`no file of this host matches ${pattern}`, { pattern })
}

function imageConfig({ config, executables }: HostImageRequest, paths: readonly string[], base?: Base): ImageRunConfig {
  const inherited = base?.config ?? {}
  const [command] = executables
  // A command of ours after an entrypoint of theirs would be its argument.
  const hasCommand = config.Entrypoint?.length || inherited.Entrypoint?.length || inherited.Cmd?.length
  const ours = hasCommand || command === undefined ? {} : { Cmd: [command] }
  // As in a Dockerfile, an entrypoint of one's own is without the command that was meant for another.
  const { Cmd: _, ...withoutCommand } = inherited
  const below = config.Entrypoint ? withoutCommand : inherited
  const directories = paths.map((path) => path.slice(0, path.lastIndexOf('/')) || '/')
  const Env = environment(inherited.Env ?? [], config.Env ?? [], directories, base !== undefined)
  return { ...below, ...ours, ...config, Env }
}

/** With a PATH in which all programs are found, unless the caller gives one. */
function environment(
  inherited: readonly string[],
  own: readonly string[],
  directories: readonly string[],
  hasBase: boolean,
): readonly string[] {
  if (!hasBase) return own.some(isPath) ? own : [pathOf(defaultPath, directories), ...own]
  const names = new Set(own.map(variableName))
  const kept = inherited.filter((variable) => !names.has(variableName(variable)))
  const searched = inherited.find(isPath)?.slice('PATH='.length).split(':') ?? defaultPath
  if (own.some(isPath) || directories.every((directory) => searched.includes(directory))) return [...kept, ...own]
  return [pathOf(searched, directories), ...kept.filter((variable) => !isPath(variable)), ...own]
}

const isPath = (variable: string) => variable.startsWith('PATH=')

const pathOf = (searched: readonly string[], directories: readonly string[]) =>
  `PATH=${[...new Set([...searched, ...directories])].join(':')}`

/** The name in `NAME=value`. */
function variableName(variable: string): string {
  return variable.split('=', 1)[0] as string
}
