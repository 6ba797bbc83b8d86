import { placeFiles, placeFilesHere } from '../../layer/index.js'
import type { Workspace } from '../host.js'
import type { Copied } from './copied.js'
import { ownerOf } from './owner.js'
import type { Placement } from './placement.js'

/** What is copied faster than a thread is asked to. */
const small = { entries: 64, bytes: 1024 * 1024 }

/**
 * Puts files into a workspace, and verifies that they were what their key says.
 *
 * @throws {BuildError}, {LayerError} in Docker's words; {ContextError} CONTEXT_CHANGED; {SyscallError}
 */
export async function place(
  workspace: Pick<Workspace, 'files'>,
  { destination, chown, mode, isLink }: Placement,
  copied: readonly Copied[],
  signal: AbortSignal,
): Promise<void> {
  const sources = (await Promise.all(copied.map((one) => one.placed()))).flat()
  const sum = (of: (one: Copied) => number) => copied.reduce((total, one) => total + of(one), 0)
  const isSmall =
    sum(({ entries }) => entries) <= small.entries &&
    sum(({ bytes }) => bytes) <= small.bytes &&
    !sources.some(({ kind }) => kind === 'archive')
  await workspace.files(async (root) => {
    const owner = chown === undefined ? undefined : ownerOf(root, chown)
    const request = { root, destination, sources, owner, mode, isLink }
    await (isSmall ? placeFilesHere(request) : placeFiles(request, signal))
  })
  for (const one of copied) await one.verify()
}
