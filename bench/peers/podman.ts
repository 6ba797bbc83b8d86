import { join } from 'node:path'
import { compileProgram, ensureProgram, execute, type Workspace } from '../workspace.js'
import { apart, Coprocess } from './coprocess.js'
import type { OpenPeer } from './peer.js'

const engine = '--storage-driver overlay --cgroup-manager cgroupfs --runtime crun --events-backend none'
// The default limits are higher than this process may set where it lacks CAP_SYS_RESOURCE; conmon's own cgroup would stay.
const options =
  '--rm --pull never --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --cgroups no-conmon'

/** `podman run --rm --network none` with crun, its storage in the workspace. */
export const openPodman: OpenPeer = (workspace) => open(workspace, [])

/** The same with more options. */
export const openPodmanWith =
  (more: readonly string[]): OpenPeer =>
  (workspace) =>
    open(workspace, more)

async function open(workspace: Workspace, more: readonly string[]): ReturnType<OpenPeer> {
  const installed = (await ensureProgram('podman', 'podman')) && (await ensureProgram('crun', 'crun'))
  if (!installed) return { skipped: 'podman is not installed' }
  const place = (name: string) => join(workspace.directory, 'podman', name)
  const places = ['--root', place('root'), '--runroot', place('run'), '--tmpdir', place('tmp')]
  const podman = ['podman', ...places, ...engine.split(' ')]
  await execute('unshare', apart([...podman, 'load', '--quiet', '--input', workspace.archive]))
  const limits = ['--cgroup-parent', `/${workspace.cgroup}`]
  const run = ['run', ...options.split(' '), ...limits, ...more, 'busybox:latest', 'true']
  const process = new Coprocess([await compileProgram('timed'), ...podman, ...run])
  workspace.defer(() => process[Symbol.asyncDispose]())
  return { name: 'podman run --rm (crun)', run: () => process.run(), slow: true }
}
