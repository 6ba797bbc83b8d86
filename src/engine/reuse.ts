import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Container } from '../container/container.js'
import { type ContainerContext, detachedStreams } from '../container/context.js'
import type { ContainerStatus } from '../container/inspect-state.js'
import { unpause } from '../container/pause.js'
import { type Present, present } from '../container/present.js'
import { remove } from '../container/remove.js'
import type { RunRequest } from '../container/run-builder.js'
import { start } from '../container/start.js'
import { waitFor } from '../container/wait-for.js'
import { withPassingFileLock } from '../host/index.js'
import { reuseHash, reuseLabels } from '../spec/reuse-hash.js'
import type { ContainerRecord } from '../store/containers.js'
import { membershipOf } from './membership.js'
import { draftOf, type RunStages, runContainer } from './run-actions.js'

/**
 * The running container of a key: the one that is there, when it was made with the same options; else a new one in its place.
 * Of all who ask at once, in whatever processes, the first makes it.
 */
export async function reuseContainer(
  stages: RunStages,
  context: ContainerContext,
  key: string,
  request: RunRequest,
): Promise<Container> {
  // Also pulls the image: the others do not wait for that behind the lock, but take part in it.
  await draftOf(stages, context, request, false)
  const { pull, ...options } = request.options
  const once = { ...request, options: { ...options, ...(pull === 'never' && { pull }) } }
  return withKeyLock(context.runRoot, key, request.signal, () => runningOf(stages, context, key, once))
}

/** The lock is a file that goes when nobody holds it. */
function withKeyLock<Result>(
  runRoot: string,
  key: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  const directory = `${runRoot}/reuse`
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = `${directory}/${createHash('sha256').update(key).digest('hex')}`
  return withPassingFileLock(path, body, signal)
}

async function runningOf(
  stages: RunStages,
  context: ContainerContext,
  key: string,
  request: RunRequest,
): Promise<Container> {
  const draft = await draftOf(stages, context, request, false)
  const { network, others, links } = await membershipOf(stages.networking, context, draft)
  const connected = [
    network?.id ?? '',
    ...others.map((place) => place.network.id),
    ...links.map(({ target }) => target),
  ]
  const { name, image } = draft
  const hash = reuseHash(draft.config, { name, image, connected, snapshot: request.snapshot?.id ?? '' })
  const known = await knownOf(stages, context, { key, hash }, request.signal)
  if (known) return new Container(context, known)
  const labels = { ...draft.config.labels, [reuseLabels.key]: key, [reuseLabels.hash]: hash }
  const labelled = { ...draft, config: { ...draft.config, labels } }
  const record = ({ id }: ContainerRecord) => stages.reuses.insert(key, { container: id, hash })
  const { container } = await runContainer(stages, context, request, detachedStreams, record, labelled)
  return container
}

/** The container of a key, running, if it has that hash; one that has not, or never came to run, is removed. */
async function knownOf(
  { reuses }: RunStages,
  context: ContainerContext,
  { key, hash }: { readonly key: string; readonly hash: string },
  signal: AbortSignal | undefined,
): Promise<ContainerRecord | undefined> {
  for (;;) {
    const holder = reuses.get(key)
    if (!holder) return undefined
    const id = holder.container
    let seen: ContainerStatus | undefined
    try {
      const now = await present(context, id, signal)
      seen = now.status
      if (holder.hash === hash && (await isMadeToRun(context, now, signal))) {
        const record = context.containers.get(id)
        if (record) return record
      } else await discard(context, id, signal)
    } catch (error) {
      if (!isOvertaken(error, id, seen)) throw error
    }
  }
}

/** Whether somebody has removed it since it was looked at, which frees its key, or has brought it into another state. */
function isOvertaken(error: unknown, id: string, seen: ContainerStatus | undefined): boolean {
  const { code, details } = error as { code?: unknown; details?: { container?: unknown; from?: unknown } }
  return (
    code === 'CONTAINER_NOT_FOUND' || (code === 'INVALID_STATE' && details?.container === id && details.from !== seen)
  )
}

/** False for one that never ran, and for what is left of one. */
async function isMadeToRun(
  context: ContainerContext,
  { record, status }: Present,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { id } = record
  switch (status) {
    case 'running':
      return true
    case 'restarting':
      await waitFor(context, id, 'running', { ...(signal && { signal }) })
      return true
    case 'paused':
      await unpause(context, id, signal)
      return true
    case 'exited':
      // Who was starting it for the first time was killed.
      if (record.attempt === 1 && record.outcome?.startedAtNs === '0') return false
      await start(context, id, detachedStreams)
      return true
    case 'created':
    case 'dead':
    case 'removing':
      return false
  }
}

async function discard(context: ContainerContext, id: string, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    try {
      return await remove(context, id, { force: true, volumes: true })
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'CONTAINER_IN_USE') throw error
    }
    // Somebody else removes it: nothing tells when he has failed.
    await delay(10, undefined, { signal })
  }
}
