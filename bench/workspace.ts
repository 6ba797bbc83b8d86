import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { busyboxForm, imageArchive } from '../test/support/images.js'
import { removeCgroup } from './cgroups.js'

export const execute = promisify(execFile)

/** A temporary directory with a busybox root filesystem in it, and the undoing of all that the bench makes. */
export class Workspace implements AsyncDisposable {
  /** The cgroup below which the peers make theirs, where they can be told. */
  readonly cgroup = `inboard-bench-${process.pid}`
  private readonly undo: (() => Promise<unknown>)[] = []

  private constructor(
    readonly directory: string,
    /** A docker-archive of busybox. */
    readonly archive: string,
    /** An unpacked root filesystem of busybox. */
    readonly rootfs: string,
  ) {}

  static async open(): Promise<Workspace> {
    const directory = await mkdtemp(join(tmpdir(), 'inboard-bench-'))
    const workspace = new Workspace(directory, imageArchive('busybox'), join(directory, 'rootfs'))
    workspace.defer(() => rm(directory, { recursive: true, force: true }))
    workspace.defer(async () => removeCgroup(workspace.cgroup))
    await mkdir(workspace.rootfs)
    await execute('tar', ['--extract', '--file', busyboxForm('rootfs'), '--directory', workspace.rootfs])
    return workspace
  }

  /** Registers what is to be undone, last first. */
  defer(action: () => Promise<unknown>): void {
    this.undo.push(action)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const action of this.undo.reverse()) await action()
  }
}

/** Installs Debian's package of a program that is not there; whether the program is there now. */
export async function ensureProgram(program: string, packageName: string): Promise<boolean> {
  if (await onPath(program)) return true
  console.log(`${program} is missing: installing ${packageName}`)
  const apt = ['-qq', '-y', '-o', 'DPkg::Lock::Timeout=300']
  // RUNLEVEL=1 keeps the package's own services from being started.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  try {
    await execute('apt-get', [...apt, 'update'], { env })
    await execute('apt-get', [...apt, 'install', '--no-install-recommends', packageName], { env })
  } catch (error) {
    console.log(`${packageName} cannot be installed: ${(error as Error).message.split('\n')[0]}`)
  }
  return onPath(program)
}

async function onPath(program: string): Promise<boolean> {
  return execute('sh', ['-c', 'command -v "$0"', program]).then(
    () => true,
    () => false,
  )
}

const programs = {
  floor: 'floor/floor.c',
  replay: 'peers/replay.c',
  timed: 'peers/timed.c',
  'dns-load': 'dns-load.c',
} as const

/** Compiles one of the bench's own C programs into the cache, static; its path. */
export async function compileProgram(name: keyof typeof programs): Promise<string> {
  const source = fileURLToPath(new URL(programs[name], import.meta.url))
  const digest = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16)
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'inboard-bench')
  const binary = join(cache, `${name}-${digest}`)
  if (existsSync(binary)) return binary
  await ensureProgram('musl-gcc', 'musl-tools')
  await mkdir(cache, { recursive: true })
  // musl has no kernel headers of its own; those of the distribution come after musl's.
  const kernelHeaders = ['/usr/include', `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`]
  const include = kernelHeaders.flatMap((directory) => ['-idirafter', directory])
  await execute('musl-gcc', ['-O2', '-static', '-s', '-w', ...include, '-o', `${binary}.part`, source])
  await rename(`${binary}.part`, binary)
  return binary
}
