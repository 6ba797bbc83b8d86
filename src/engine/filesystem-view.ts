import type { FilesystemView } from '../build/host.js'
import { failpoint } from '../errors/failpoint.js'
import { compileFilesystem } from '../launch/view-plan.js'
import type { Stages } from './assemble.js'
import { lendRoot } from './container-view.js'
import { takeFault } from './launcher.js'

/**
 * Mounts the files of a chain of layers where nobody else sees them, read-only. They need no process: a descriptor of the mount
 * namespace keeps them, and they are gone with this process whatever happens to it.
 *
 * @param chain chain ids, top first
 * @throws {LaunchError}
 */
export async function openFilesystemView(
  { snapshots, paths }: Pick<Stages, 'snapshots' | 'paths'>,
  chain: readonly string[],
  signal: AbortSignal,
): Promise<FilesystemView> {
  signal.throwIfAborted()
  failpoint('filesystem-view.mount')
  const plan = compileFilesystem({ root: snapshots.imageRoot(chain), place: paths.containers, ...takeFault() })
  const { root, end } = await lendRoot(plan, 'cannot reach the files of an image')
  return { root, [Symbol.asyncDispose]: end }
}
