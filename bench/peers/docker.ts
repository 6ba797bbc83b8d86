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

/** `docker exec` of `true` in a container that sleeps, by its CLI. */
export const openDockerExec: OpenPeer = async (workspace) => {
  const socket = await dockerSocket(workspace)
  if (!socket) return skipped
  const docker = new DockerApi(socket)
  const id = await docker.create(['sleep', '1000000'], false)
  await docker.post(`/containers/${id}/start`)
  docker.close()
  return openDockerCommand(workspace, ['exec', id, 'true'], 'docker exec true (CLI)')
}

/** Any command of its CLI, with the output to nowhere. */
export async function openDockerCommand(
  workspace: Workspace,
  command: readonly string[],
  name = `docker ${command.join(' ')}`,
  networks: 'none' | 'bridge' = 'none',
): ReturnType<OpenPeer> {
  const daemon = await dockerDaemon(workspace, networks)
  if (!daemon) return skipped
  const docker = ['docker', '--host', `unix://${daemon.socket}`]
  const process = new Coprocess([await compileProgram('timed'), ...docker, ...command])
  workspace.defer(() => process[Symbol.asyncDispose]())
  return { name, run: () => process.run(), slow: true }
}

async function openCli(
  workspace: Workspace,
  networks: 'none' | 'bridge',
  options: readonly string[],
): ReturnType<OpenPeer> {
  const run = ['run', '--rm', ...options, 'busybox', 'true']
  return openDockerCommand(workspace, run, `docker run --rm ${options.join(' ')} (CLI)`, networks)
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
