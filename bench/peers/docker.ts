import { compileProgram, type Workspace } from '../workspace.js'
import { Coprocess } from './coprocess.js'
import { DockerApi } from './docker-api.js'
import { dockerDaemon, dockerSocket } from './docker-daemon.js'
import { type OpenPeer, timed } from './peer.js'

const skipped = { skipped: 'dockerd is not installed' }

/** `docker run --rm --network none`, by its CLI. */
export const openDockerCli: OpenPeer = (workspace) => openCli(workspace, 'none', ['--network', 'none'])

/** The same with other options, by its CLI. */
export const openDockerCliWith =
  (options: readonly string[]): OpenPeer =>
  (workspace) =>
    openCli(workspace, 'none', options)

/** `docker run --rm -p`, by its CLI. */
export const openPublishingDockerCli: OpenPeer = (workspace) => openCli(workspace, 'bridge', ['-p', '18080:80'])

async function openCli(
  workspace: Workspace,
  networks: 'none' | 'bridge',
  options: readonly string[],
): ReturnType<OpenPeer> {
  const daemon = await dockerDaemon(workspace, networks)
  if (!daemon) return skipped
  const run = ['run', '--rm', ...options, 'busybox', 'true']
  const docker = ['docker', '--host', `unix://${daemon.socket}`]
  const process = new Coprocess([await compileProgram('timed'), ...docker, ...run])
  workspace.defer(() => process[Symbol.asyncDispose]())
  return { name: `docker run --rm ${options.join(' ')} (CLI)`, run: () => process.run(), slow: true }
}

/** The same through the daemon's socket from this process. */
export const openDockerSocket: OpenPeer = async (workspace) => {
  const socket = await dockerSocket(workspace)
  if (!socket) return skipped
  const docker = new DockerApi(socket)
  workspace.defer(async () => docker.close())
  const run = timed(() => docker.runTrue())
  return { name: 'docker run --rm (socket, from Node)', run, slow: true }
}
