import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { imageArchive, type TestImage } from '../../test/support/images.js'
import { dockerDaemon } from '../peers/docker-daemon.js'
import { ensureProgram, execute, type Workspace } from '../workspace.js'
import type { Builder, Built } from './builder.js'

/** What all builders have before they build. */
export const baseImages: readonly TestImage[] = ['busybox', 'debian']

/** `DOCKER_BUILDKIT=0 docker build` with a daemon of the bench's own, on its default bridge; undefined where there is none. */
export async function dockerBuilder(workspace: Workspace): Promise<Builder | undefined> {
  const daemon = await dockerDaemon(workspace, 'bridge')
  if (!daemon) return undefined
  const docker = ['docker', '--host', `unix://${daemon.socket}`]
  for (const image of baseImages) await execute('docker', [...docker.slice(1), 'load', '--input', imageArchive(image)])
  const build = (context: string, isUncached: boolean) =>
    told([...docker, 'build', '--tag', 'bench', ...(isUncached ? ['--no-cache'] : []), context], /^Step 2\//)
  return {
    name: 'docker build (classic)',
    build,
    prune: () => execute('docker', [...docker.slice(1), 'image', 'prune', '--force']),
  }
}

// Debian's crun refuses a hybrid host whose v2 hierarchy has a controller left. The network stays that of the bench: its bridge lasts.
const withoutUnified = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec "$@"',
  'sh',
]

/** `buildah bud --layers`, which keeps a layer of each step as Docker does, its storage in the workspace. */
export async function buildahBuilder(workspace: Workspace): Promise<Builder | undefined> {
  if (!(await ensureProgram('buildah', 'buildah')) || !(await ensureProgram('crun', 'crun'))) return undefined
  const place = (name: string) => join(workspace.directory, 'buildah', name)
  const places = ['--root', place('root'), '--runroot', place('run'), '--storage-driver', 'overlay']
  const buildah = [...withoutUnified, 'buildah', ...places]
  const call = (...args: readonly string[]) => execute('unshare', [...buildah.slice(1), ...args])
  for (const image of baseImages) await call('pull', '--quiet', `docker-archive:${imageArchive(image)}`)
  const options = ['--layers', '--pull-never', '--tag', 'bench']
  return {
    name: 'buildah bud --layers',
    build: (context, isUncached) =>
      told([...buildah, 'bud', ...options, ...(isUncached ? ['--no-cache'] : []), context], /STEP 2\//),
    prune: () => call('rmi', '--prune'),
  }
}

/** Runs a command to its end; its first step is the first line of its output with that. */
async function told(command: readonly string[], firstStep: RegExp): Promise<Built> {
  const began = performance.now()
  const env = { ...process.env, DOCKER_BUILDKIT: '0' }
  const child = spawn(command[0] as string, command.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let firstStepMs = Number.NaN
  const lines: string[] = []
  const read = (line: string) => {
    if (Number.isNaN(firstStepMs) && firstStep.test(line)) firstStepMs = performance.now() - began
    lines.push(line)
  }
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', read)
  const [code] = await ended
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${lines.slice(-5).join('\n')}`)
  return { firstStepMs, ms: performance.now() - began }
}
