import { removeThings } from './ephemeral-removal.js'
import type { OpenRoot } from './opening.js'

/**
 * Removes what an engine that is about to be closed has of ephemeral things: its scopes are closed, then the rest goes.
 *
 * @returns what has failed
 */
export async function removeOwn({ scopes, stages, context }: OpenRoot): Promise<unknown[]> {
  const { owner } = stages
  await owner.leaving()
  const failures: unknown[] = []
  for (const scope of [...scopes].reverse()) await scope.close().catch((error: unknown) => failures.push(error))
  return [...failures, ...(await removeThings(stages, context, (kind) => owner.things(kind)))]
}
