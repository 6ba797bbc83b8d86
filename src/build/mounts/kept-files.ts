import type { Copied } from '../files/copied.js'
import { place } from '../files/place.js'
import { type Filesystem, scratch } from '../filesystem.js'
import { keyOf } from '../key.js'
import type { StepContext } from '../steps/step.js'

/** Where they are in their filesystem. */
const destination = '/files'

/** What is copied each time in less than it takes to look whether it was. */
const few = { entries: 64, bytes: 1024 * 1024 }

export const isLittle = ({ entries, bytes }: Copied) => entries <= few.entries && bytes <= few.bytes

/**
 * The files of a context as a filesystem of their own, which is kept among the steps and found again by their content: large
 * contexts are copied once, to the disk, and not for each program that sees them.
 */
export async function keepFiles(
  copied: Copied,
  { host, state, signal }: StepContext,
): Promise<{ filesystem: Filesystem; path: string }> {
  const placement = { destination, chown: undefined, mode: undefined, isLink: false, key: undefined }
  const { filesystem } = await host.step({
    keys: [keyOf({ mounted: copied.key })],
    kind: 'copy',
    description: 'RUN --mount=type=bind',
    parent: scratch,
    platform: state.platform,
    isUncached: false,
    epoch: undefined,
    signal,
    execute: (workspace) => place(workspace, placement, [copied], signal),
  })
  return { filesystem, path: destination }
}
