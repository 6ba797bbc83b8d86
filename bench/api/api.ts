import { Coprocess } from '../peers/coprocess.js'
import { DockerApi } from '../peers/docker-api.js'
import type { Peer } from '../peers/peer.js'
import { execute, type Workspace } from '../workspace.js'

/** An engine that is reached by a socket. */
export interface Api {
  readonly name: string
  /** Its requests, without a client program. */
  readonly requests: DockerApi
  /** Runs the docker client; what it has printed. */
  docker(...args: readonly string[]): Promise<string>
  /** A command of the client, as it is run again and again; its complaints about the classic builder are not shown. */
  peer(...args: readonly string[]): Peer
}

/** @param timed the program that measures others */
export function openApi(workspace: Workspace, name: string, socket: string, timed: string): Api {
  const client = ['docker', '--host', `unix://${socket}`]
  const requests = new DockerApi(socket)
  workspace.defer(async () => requests.close())
  return {
    name,
    requests,
    async docker(...args) {
      const { stdout } = await execute('docker', [...client.slice(1), ...args], { maxBuffer: 2 ** 26 })
      return stdout
    },
    peer(...args) {
      const process = new Coprocess([timed, ...client, ...args], 'ignore')
      workspace.defer(() => process[Symbol.asyncDispose]())
      return { name: `${name}: docker ${args.join(' ')}`, run: () => process.run() }
    },
  }
}
