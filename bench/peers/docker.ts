import { compileProgram } from '../workspace.js'
import { Coprocess } from './coprocess.js'
import { DockerApi } from './docker-api.js'
import { dockerSocket } from './docker-daemon.js'
import { type OpenPeer, timed } from './peer.js'

const skipped = { skipped: 'dockerd is not installed' }

/** `docker run --rm --network none`, by its CLI. */
export const openDockerCli: OpenPeer = async (workspace) => {
  const socket = await dockerSocket(workspace)
  if (!socket) return skipped
  const run = ['run', '--rm', '--network', 'none', 'busybox', 'true']
  const process = new Coprocess([await compileProgram('timed'), 'docker', '--host', `unix://${socket}`, ...run])
  workspace.defer(() => process[Symbol.asyncDispose]())
  return { name: 'docker run --rm (CLI)', run: () => process.run(), slow: true }
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
