import { type ContainerRecord, noSuchContainer } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { settle } from './settle.js'

/**
 * Reads a container's files, and makes sure that nobody has removed the container meanwhile: what was read is all of it.
 *
 * @throws {NotFoundError} CONTAINER_NOT_FOUND
 */
export async function whileThere<Result>(
  context: ContainerContext,
  record: ContainerRecord,
  read: () => Promise<Result>,
): Promise<Result> {
  const before = await settle(context, record)
  if (before === undefined || before.status === 'removing') throw noSuchContainer(record.id)
  const result = await read()
  const after = await settledNow(context, record.id)
  // The files of one that removes itself go as soon as it has ended.
  const hasEnded = record.config.rm && before.status !== 'created' && after?.status !== 'running'
  if (after === undefined || after.status === 'removing' || hasEnded) throw noSuchContainer(record.id)
  return result
}

/** What is true of a container now; undefined when there is none. */
export async function settledNow(context: ContainerContext, id: string) {
  const record = context.containers.get(id)
  return record && (await settle(context, record))
}
