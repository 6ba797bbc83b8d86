import { InvalidOptionError } from '../errors/index.js'

/** Options of {@link Engine.open}. */
export interface EngineOptions {
  /** Images, containers and metadata; survives reboots. Default: `INBOARD_ROOT`, else `/var/lib/inboard`. */
  readonly root?: string
  /** Locks, sockets and records of what runs; on a tmpfs. Default: `INBOARD_RUN_ROOT`, else `/run/inboard`. */
  readonly runRoot?: string
  /** How images' layers are joined. Default: overlay where the filesystem of `root` can, else vfs (copies). */
  readonly storageDriver?: 'overlay' | 'vfs'
}

export interface NormalizedEngineOptions {
  readonly root: string
  readonly runRoot: string
  readonly storageDriver: 'overlay' | 'vfs' | undefined
}

// sockaddr_un has 108 bytes, and `/<id>/sock` with its NUL takes 71 of them. @see unix(7)
const longestRunRoot = 108 - 71

export function normalizeEngineOptions(options: EngineOptions, env: NodeJS.ProcessEnv): NormalizedEngineOptions {
  const root = absolute('root', options.root ?? env.INBOARD_ROOT ?? '/var/lib/inboard')
  const runRoot = absolute('runRoot', options.runRoot ?? env.INBOARD_RUN_ROOT ?? '/run/inboard')
  if (Buffer.byteLength(runRoot) > longestRunRoot)
    throw invalid(
      'runRoot',
      runRoot,
      `is longer than the ${longestRunRoot} bytes that leave room for a socket's address: use a shorter path, such as one below /run`,
    )
  if (options.storageDriver !== undefined && !['overlay', 'vfs'].includes(options.storageDriver))
    throw invalid('storageDriver', options.storageDriver, "is none of 'overlay' and 'vfs'")
  return { root, runRoot, storageDriver: options.storageDriver }
}

function absolute(option: string, path: string): string {
  if (!path.startsWith('/')) throw invalid(option, path, 'is not an absolute path')
  // These characters separate the arguments of an overlay mount.
  if (/[:,\\\0]/.test(path)) throw invalid(option, path, 'must not have a colon, comma or backslash')
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

function invalid(option: string, value: string, why: string): InvalidOptionError {
  return new InvalidOptionError(`invalid option "${option}": "${value}" ${why}`, {
    code: 'INVALID_OPTION',
    details: { option, value },
  })
}
