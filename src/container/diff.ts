import type { Change } from '../snapshot/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { whileThere } from './files.js'

/** What a container's files differ in from its image's; running or not. */
export function diff(
  context: ContainerContext,
  record: ContainerRecord,
  signal: AbortSignal | undefined,
): Promise<Change[]> {
  return whileThere(context, record, () => context.files(record).changes({ signal }))
}
