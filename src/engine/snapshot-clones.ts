import { createHash } from 'node:crypto'
import type { RunRequest } from '../container/run-builder.js'
import type { VolumePoint } from '../spec/mount-point.js'
import type { RunOptions } from '../spec/options.js'
import { optionsOf } from '../spec/options-of.js'
import type { SnapshotOrigin } from '../spec/snapshot-document.js'
import type { ContainerSnapshotRecord } from '../store/container-snapshots.js'
import type { ContainerRecord } from '../store/containers.js'
import type { VolumeOrigin, VolumeRequest } from '../volume/volume-record.js'
import { locked, noSuchSnapshot, type SnapshotStages } from './snapshot-records.js'

/** The request of a container with the configuration and the files of a snapshot. */
export function cloneRequest(
  { id, image, document }: ContainerSnapshotRecord,
  command: readonly string[] | undefined,
  { signal, ...given }: RunOptions & { readonly signal?: AbortSignal },
): RunRequest {
  const { config, networking, mounts, volumes } = document
  return {
    image: document.image,
    command: command ?? config.command,
    options: { ...merged(optionsOf(config), given), pull: 'never' },
    signal,
    snapshot: { id, image: image as string, networking, mounts, volumes },
  }
}

/** As with the builder's methods: lists grow, the rest is replaced. */
function merged(base: RunOptions, given: RunOptions): RunOptions {
  const lists = Object.entries(given).filter(([key]) => Array.isArray(base[key as keyof RunOptions]))
  const grown = lists.map(([key, value]) => [key, [...(base[key as keyof RunOptions] as unknown[]), ...listOf(value)]])
  return { ...base, ...given, ...Object.fromEntries(grown) }
}

/** Variables, labels and the like may be given as an object. */
function listOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return value === undefined ? [] : [value]
  if (Array.isArray(value)) return value
  return Object.entries(value).map(([name, one]) => (one === undefined ? name : `${name}=${one}`))
}

/** What is asked for: a clone is on its original's networks, unless it is to be on others. */
export function requestedOptions({ options, snapshot }: RunRequest): RunOptions {
  if (!snapshot || options.network !== undefined || options.networks !== undefined) return options
  return { ...snapshot.networking, ...options }
}

/** Where a clone has its volumes, which are its own. */
export function clonePoints(origin: SnapshotOrigin | undefined, container: string): VolumePoint[] {
  if (!origin) return []
  const names = new Map(origin.volumes.map((volume, at) => [volume, volumeName(container, at)]))
  return origin.mounts.map((point) => ({
    ...point,
    volume: names.get(point.volume) as string,
    driver: 'local',
    isAnonymous: true,
    isTaken: false,
    isCopied: false,
  }))
}

/** The same for each look at the container that is being made. */
function volumeName(container: string, at: number): string {
  return createHash('sha256').update(`${container} ${at}`).digest('hex')
}

/**
 * Says what the volumes of a clone begin with.
 *
 * @throws {NotFoundError} SNAPSHOT_NOT_FOUND
 */
export function withOrigins(
  stages: SnapshotStages,
  origin: SnapshotOrigin | undefined,
  { id }: Pick<ContainerRecord, 'id'>,
  requests: readonly VolumeRequest[],
): readonly VolumeRequest[] {
  if (!origin) return requests
  const { volumes } = verifyThere(stages, origin)
  const origins = new Map<string, VolumeOrigin | undefined>(volumes.map((volume, at) => [volumeName(id, at), volume]))
  return requests.map((request) => ({ ...request, origin: origins.get(request.name) }))
}

/** Keeps a snapshot there while volumes are copied from it; what shares its files needs no such thing. */
export function keepingSnapshot<Result>(
  stages: SnapshotStages,
  origin: SnapshotOrigin | undefined,
  requests: readonly VolumeRequest[],
  body: () => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  const isCopied = requests.some((request) => request.origin?.isShared === false)
  return origin && isCopied ? locked(stages, origin.id, body, signal) : body()
}

/** In the transaction that inserts a clone. @throws {NotFoundError} SNAPSHOT_NOT_FOUND */
export function recordClone(stages: SnapshotStages, origin: SnapshotOrigin | undefined, container: string): void {
  if (!origin) return
  verifyThere(stages, origin)
  stages.containerSnapshots.removesVolumes(container)
}

function verifyThere({ containerSnapshots }: SnapshotStages, { id }: SnapshotOrigin): ContainerSnapshotRecord {
  const found = containerSnapshots.get(id)
  if (!found?.isMade) throw noSuchSnapshot(id)
  return found
}
