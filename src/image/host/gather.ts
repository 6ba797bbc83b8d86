import { resolve } from 'node:path'
import type { Native, Time } from '../../host/native.js'
import type { PackEntry } from '../../layer/index.js'
import type { ImageRunConfig } from '../../spec/options.js'
import { HostFiles, type Observation } from './host-files.js'
import type { HostImageRequest } from './options.js'
import { Programs } from './programs.js'
import { ImageTree } from './tree.js'

/** What an image of the host consists of. */
export interface Gathered {
  readonly entries: readonly PackEntry[]
  readonly newest: Time
  readonly config: ImageRunConfig
  readonly observations: readonly Observation[]
}

/** Files that every image has unless it is given others; the values are their contents. */
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
 */
export function gather(
  request: HostImageRequest,
  generated: Readonly<Record<string, string>>,
  native: Pick<Native, 'getxattrAt'>,
): Gathered {
  const files = new HostFiles()
  try {
    const tree = new ImageTree(files, native)
    for (const path of mergedDirectories) mirrorLink(path, files, tree)
    for (const [path, mode] of Object.entries(baseDirectories)) tree.directory(path, mode)
    const programs = new Programs(files, tree, request.path)
    const paths = request.executables.map((name) => programs.add(name))
    if (programs.needsLibraryCache) tree.hostFile('/etc/ld.so.cache')
    // Left at 0755 where programs are in it, as version managers have them: all users of the image may run these.
    tree.directory('/root', 0o700)
    for (const { path, mode } of request.directories) tree.directory(path, mode)
    for (const file of request.files) addFile(file, tree, request.cwd)
    for (const [path, source] of Object.entries(generated)) if (!tree.has(path)) tree.generated(path, source)
    return { ...tree.entries(), config: imageConfig(request, paths), observations: files.observations() }
  } finally {
    files.close()
  }
}

function mirrorLink(path: string, files: HostFiles, tree: ImageTree): void {
  if (!files.stat(path)?.isSymbolicLink()) return
  const target = files.realpath(path)
  if (target === undefined || !files.stat(target)?.isDirectory()) return
  tree.directory(target)
  tree.link(path)
}

function addFile(file: HostImageRequest['files'][number], tree: ImageTree, cwd: string): void {
  if (typeof file === 'string') tree.hostFile(file)
  else tree.copy(resolve(cwd, file.source), file.target, file.mode)
}

function imageConfig({ config, executables }: HostImageRequest, paths: readonly string[]): ImageRunConfig {
  const directories = paths.map((path) => path.slice(0, path.lastIndexOf('/')) || '/')
  const path = `PATH=${[...new Set([...defaultPath, ...directories])].join(':')}`
  const env = config.Env ?? []
  const hasPath = env.some((variable) => variable.startsWith('PATH='))
  // A command of ours after an entrypoint of theirs would be its argument.
  const command = config.Entrypoint?.length ? {} : { Cmd: [executables[0] as string] }
  return { ...command, ...config, Env: hasPath ? env : [path, ...env] }
}
