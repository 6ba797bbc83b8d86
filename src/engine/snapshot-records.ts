import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { ConflictError, NotFoundError } from '../errors/index.js'
import { native, withFileLock } from '../host/index.js'
import type { ContainerSnapshotRecord, ContainerSnapshotStore } from '../store/container-snapshots.js'
import type { Stages } from './assemble.js'

export type SnapshotStages = Pick<Stages, 'paths' | 'images' | 'volumes' | 'containerSnapshots'>

/** What is to be recorded before anything of it is made. */
export type NewSnapshot = Pick<ContainerSnapshotRecord, 'document'> & {
  /** ms; default: now. */
  readonly createdAtMs?: number
  /** Undefined: one is made up. */
  readonly name: string | undefined
  newName(): string
}

/** A snapshot that is being made: the layers its volumes are to go to are its own already. */
export interface SnapshotInTheMaking {
  readonly id: string
  /** In the order of its document's volumes. */
  readonly layers: readonly string[]
}

/**
 * Records a snapshot, then has `body` make what belongs to it, and record that it is made. Whatever was made of it goes when that
 * fails; when this process is killed meanwhile, with the next who opens the root, or wants the name.
 *
 * @throws {ConflictError} SNAPSHOT_EXISTS
 */
export async function makingSnapshot(
  stages: SnapshotStages,
  { document, name, newName, createdAtMs = Date.now() }: NewSnapshot,
  body: (snapshot: SnapshotInTheMaking) => Promise<void>,
  signal: AbortSignal,
): Promise<ContainerSnapshotRecord> {
  const { containerSnapshots: store } = stages
  const id = randomBytes(32).toString('hex')
  const layers = document.volumes.map(() => randomBytes(8).toString('hex'))
  const volumes = layers.map((layer) => ({ layers: [layer], isShared: false, size: 0 }))
  const make = async () => {
    failpoint('capture.record')
    for (let given = name ?? newName(); ; given = name ?? newName()) {
      signal.throwIfAborted()
      if (store.begin({ id, name: given, createdAtMs, document, volumes })) break
      const holder = store.getByName(given)
      const isHeld = holder && (holder.isMade || !(await recoverSnapshot(stages, holder.id)))
      if (isHeld && name !== undefined) throw nameInUse(holder)
    }
    try {
      await body({ id, layers })
    } catch (error) {
      await discard(stages, id).catch(() => {})
      throw error
    }
    return store.get(id) as ContainerSnapshotRecord
  }
  return locked(stages, id, make, signal)
}

/** Removes a snapshot; what its clones have of it stays theirs. @throws {NotFoundError} SNAPSHOT_NOT_FOUND */
export function removeSnapshot(stages: SnapshotStages, id: string, signal: AbortSignal): Promise<void> {
  const remove = async () => {
    if (!stages.containerSnapshots.get(id)) throw noSuchSnapshot(id)
    await discard(stages, id)
  }
  return locked(stages, id, remove, signal)
}

/** Runs `body` while nobody else makes or removes the snapshot. */
export function locked<Result>(
  { paths, containerSnapshots }: SnapshotStages,
  id: string,
  body: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const lock = lockOf(paths, id)
  const leaving = async () => {
    try {
      return await body()
    } finally {
      // Those who wait for it take the next one.
      if (!containerSnapshots.get(id)) rmSync(lock, { force: true })
    }
  }
  return withFileLock(lock, leaving, signal)
}

const lockOf = ({ snapshotLocks }: Stages['paths'], id: string) => `${snapshotLocks}/${id}`

/** Under its lock. */
async function discard({ images, volumes, containerSnapshots }: SnapshotStages, id: string): Promise<void> {
  const snapshot = containerSnapshots.get(id)
  if (!snapshot) return
  failpoint('capture.remove')
  // On the disk before any layer goes: its record would have nothing.
  await images.releasing(() => containerSnapshots.durable(() => containerSnapshots.delete(id)))
  failpoint('capture.removed')
  await volumes.dropLayers(snapshot.volumes.flatMap(({ layers }) => layers))
}

/** Removes what is left of a snapshot that nobody makes any more. @returns false: somebody still does */
async function recoverSnapshot(stages: SnapshotStages, id: string): Promise<boolean> {
  if (native().isLocked(lockOf(stages.paths, id)) === true) return false
  await locked(stages, id, async () => {
    if (stages.containerSnapshots.get(id)?.isMade === false) await discard(stages, id)
  })
  return true
}

/** Removes what processes that were killed have left of snapshots. */
export async function reconcileSnapshots(stages: SnapshotStages): Promise<void> {
  const { paths, containerSnapshots } = stages
  for (const id of containerSnapshots.unfinished()) {
    failpoint('capture.reconcile')
    await recoverSnapshot(stages, id)
  }
  // Of one that was removed by somebody who was killed before he removed its lock.
  for (const id of readdirSync(paths.snapshotLocks))
    if (!containerSnapshots.get(id) && native().isLocked(lockOf(paths, id)) !== true)
      await locked(stages, id, async () => {})
}

/** A snapshot by its name, its id, or the beginning of one. @throws {NotFoundError} SNAPSHOT_NOT_FOUND; {ConflictError} AMBIGUOUS_ID */
export function findSnapshot(store: ContainerSnapshotStore, nameOrId: string): ContainerSnapshotRecord {
  const named = store.getByName(nameOrId)
  if (named?.isMade) return named
  const found = /^[0-9a-f]{1,64}$/.test(nameOrId) ? store.withPrefix(nameOrId).filter(({ isMade }) => isMade) : []
  if (found.length > 1)
    throw new ConflictError(`Multiple IDs found with provided prefix: ${nameOrId}`, {
      code: 'AMBIGUOUS_ID',
      details: { prefix: nameOrId },
    })
  const [only] = found
  if (only) return only
  throw noSuchSnapshot(nameOrId)
}

export function noSuchSnapshot(snapshot: string): NotFoundError {
  return new NotFoundError(`No such snapshot: ${snapshot}`, { code: 'SNAPSHOT_NOT_FOUND', details: { snapshot } })
}

function nameInUse({ id, name }: ContainerSnapshotRecord): ConflictError {
  return new ConflictError(`a snapshot ${name} exists already: choose another name, or remove it`, {
    code: 'SNAPSHOT_EXISTS',
    details: { snapshot: name, id },
  })
}
