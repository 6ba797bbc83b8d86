import type { Mount } from '../../dockerfile/index.js'
import { stepFailed } from '../steps/run-failure.js'
import type { StepContext } from '../steps/step.js'
import type { MountScope } from './mount-scope.js'
import type { ReadyMount, RunMount } from './run-mount.js'

/**
 * An agent that signs, forwarded: a socket that is there as long as the program.
 *
 * @param isDefault programs find it by `SSH_AUTH_SOCK`, if that is not set
 */
export function sshMount(
  { type, id, required, mode = 0o600, uid = 0, gid = 0 }: Extract<Mount, { type: 'ssh' }>,
  target: string,
  isDefault: boolean,
  { settings, host }: StepContext,
): RunMount {
  const env = isDefault ? [`SSH_AUTH_SOCK=${target}`] : []
  return {
    quickKey: { type, id, target, isDefault, mode, uid, gid },
    async ready(scope: MountScope): Promise<ReadyMount> {
      const source = await settings.ssh.get(id)
      if (!source && required) throw missing(id, settings.ssh.size > 0)
      if (!source) return { env }
      // Most builds need none of it.
      const { openAgentSocket } = await import('../ssh/index.js')
      const socket = await openAgentSocket(source, { directory: host.temporary, mode: mode & 0o777, uid, gid })
      scope.defer(() => socket.close())
      return { env, mounts: [{ kind: 'bind', source: socket.path, target, readOnly: false }] }
    },
  }
}

/** In BuildKit's words. */
function missing(id: string, hasOthers: boolean) {
  const message = hasOthers
    ? `unset ssh forward key ${id}`
    : `no SSH key ${JSON.stringify(id)} forwarded from the client`
  return stepFailed(message, { ssh: id })
}
