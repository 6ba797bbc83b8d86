import type { Mount } from '../../dockerfile/index.js'
import type { StepContext } from '../steps/step.js'
import { bindMount } from './bind.js'
import { cacheMount } from './cache.js'
import type { RunMount } from './run-mount.js'
import { secretMount } from './secret.js'
import { sshMount } from './ssh.js'
import { targetIn } from './target.js'

export { MountScope } from './mount-scope.js'
export type { ReadyMount, RunMount } from './run-mount.js'

/**
 * The mounts of a RUN, with what they decide of its result.
 *
 * @param directory the working directory, which relative targets are below
 * @throws {BuildError} BUILD_FAILED for a target that cannot be; what the stages and images that they are from throw
 */
export async function runMounts(
  mounts: readonly Mount[],
  directory: string,
  context: StepContext,
): Promise<readonly RunMount[]> {
  const agents = mounts.filter(({ type }) => type === 'ssh')
  return Promise.all(mounts.map((mount) => runMount(mount, directory, context, agents.indexOf(mount))))
}

function runMount(mount: Mount, directory: string, context: StepContext, agent: number): RunMount | Promise<RunMount> {
  const at = (target: string) => targetIn(directory, target)
  switch (mount.type) {
    case 'bind':
      return bindMount({ ...mount, target: at(mount.target) }, context)
    case 'cache':
      return cacheMount({ ...mount, target: at(mount.target) }, context)
    case 'tmpfs': {
      const { type, sizeBytes } = mount
      const target = at(mount.target)
      const tmpfs = { kind: type, target, ...(sizeBytes !== undefined && { sizeBytes }) } as const
      return { quickKey: { type, target, sizeBytes }, ready: async () => ({ mounts: [tmpfs] }) }
    }
    case 'secret':
      return secretMount(mount, mount.target === undefined ? undefined : at(mount.target), context)
    case 'ssh':
      return sshMount(mount, at(mount.target ?? `/run/buildkit/ssh_agent.${agent}`), agent === 0, context)
  }
}
