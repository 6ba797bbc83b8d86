import type { ContainerContext } from '../container/context.js'
import { failpoint } from '../errors/failpoint.js'
import { VolumeError } from '../errors/index.js'
import type { ImageContent } from '../image/index.js'
import type { ImageDirectory } from '../snapshot/index.js'
import { type MountSources, parseVolumesFrom, resolveMountPoints } from '../spec/index.js'
import type { MountPoint, VolumePoint } from '../spec/mount-point.js'
import type { ConfiguredVolume, ContainerConfig } from '../spec/options.js'
import type { ContainerRecord } from '../store/containers.js'
import type { VolumeRecord } from '../store/volumes.js'
import type { VolumeRequest } from '../volume/volume-record.js'
import type { Stages } from './assemble.js'
import { anonymousLabel, anonymousName } from './volume-request.js'

type VolumeStages = Pick<Stages, 'images' | 'paths' | 'snapshots' | 'volumes'>

/**
 * What a container that is being made has mounted: what was asked for, the volumes of others, and those of its image.
 *
 * @param inherited what it has from a snapshot
 * @throws {NotFoundError} CONTAINER_NOT_FOUND, IMAGE_NOT_FOUND; {InvalidOptionError} INVALID_OPTION
 */
export function mountPointsOf(
  stages: VolumeStages,
  { containers }: Pick<ContainerContext, 'containers'>,
  config: ContainerConfig,
  image: ImageContent,
  inherited: readonly VolumePoint[],
): MountPoint[] {
  const { images, volumes } = stages
  const named = volumes.store.named(config.mounts.flatMap((mount) => (mount.type === 'volume' ? [mount.name] : [])))
  const others = config.volumesFrom.map((entry) => parseVolumesFrom(entry).container)
  const points = resolveMountPoints({
    config,
    imageVolumes: Object.keys(image.config.Volumes ?? {}),
    inherited,
    from: new Map(others.map((name) => [name, containers.find(name).mounts])),
    newName: anonymousName,
    imageId: (reference) => images.resolve(reference).id,
    driverOf: (name) => named.get(name)?.driver,
  })
  for (const point of volumesIn(points)) if (!inherited.includes(point)) verifyPlace(stages, image, point)
  return points.map((point) => followingRoot(stages, point))
}

/** What is mounted below the root shall not stay mounted because a container has the whole of it: as with Docker. */
function followingRoot({ paths }: Pick<Stages, 'paths'>, point: MountPoint): MountPoint {
  if (point.type !== 'bind' || point.propagation !== 'rprivate') return point
  const isAbove = point.source === '/' || `${paths.root}/`.startsWith(`${point.source}/`)
  return isAbove ? { ...point, propagation: 'rslave' } : point
}

/** A volume is a directory: where the image has a file it can neither be made nor filled. */
function verifyPlace({ snapshots, volumes }: VolumeStages, { chain }: ImageContent, point: VolumePoint): void {
  const { volume, destination, isAnonymous, isCopied, isTaken } = point
  if (isTaken || !(isAnonymous || isCopied) || snapshots.placeAt(chain, destination)?.kind !== 'other') return
  if (isAnonymous) throw notADirectory(point, `cannot mount volume over existing file, file exists ${destination}`)
  const record = volumes.store.get(volume)
  if (!record || volumes.isToBeFilled(record)) throw notADirectory(point, `source ${destination} is not directory`)
}

function notADirectory({ volume, destination }: VolumePoint, what: string): VolumeError {
  return new VolumeError(`${what}: the image has a file there; mount the volume elsewhere, or bind a file`, {
    code: 'VOLUME_FAILED',
    details: { volume, destination },
  })
}

const volumesIn = (mounts: readonly MountPoint[]) =>
  mounts.filter((point): point is VolumePoint => point.type === 'volume')

/** The volumes that a container is to have: those it takes from others must be there, the rest is made. */
export function volumeRequests({ config, mounts }: Pick<ContainerRecord, 'config' | 'mounts'>): VolumeRequest[] {
  const requests = new Map<string, VolumeRequest>()
  for (const point of volumesIn(mounts)) {
    const asked = config.mounts.find((one) => one.type === 'volume' && one.target === point.destination)
    const own = asked?.type === 'volume' ? asked : undefined
    if (requests.has(point.volume)) continue
    requests.set(point.volume, {
      name: point.volume,
      isAnonymous: point.isAnonymous,
      driver: wantedDriver(config, point, own),
      labels: { ...own?.labels, ...(point.isAnonymous && { [anonymousLabel]: '' }) },
      options: own?.driverOptions ?? {},
      mustExist: point.isTaken,
    })
  }
  return [...requests.values()]
}

/** '' : whichever it has. `volumeDriver` is for volumes without one of their own, but for those of `mount`. */
function wantedDriver(config: ContainerConfig, point: VolumePoint, own: ConfiguredVolume | undefined): string {
  if (own === undefined || own.name === '') return point.driver
  return own.driver || (own.syntax === 'volume' ? config.volumeDriver : '')
}

/** In the transaction that inserts a container: it refers to what is mounted in it. */
export function useMounts({ volumes }: Pick<Stages, 'volumes'>, { id, mounts }: ContainerRecord): void {
  const used = volumesIn(mounts)
  if (used.length > 0) volumes.store.use(id, used)
  for (const point of mounts) if (point.type === 'image') volumes.store.useImage(id, point.image)
}

/**
 * Whether nothing is to be made or filled for a container's volumes.
 *
 * @param there the volumes that were not made for it
 */
export function isPrepared(
  { snapshots, volumes }: VolumeStages,
  mounts: readonly MountPoint[],
  image: ImageContent,
  there: ReadonlyMap<string, VolumeRecord>,
): boolean {
  return volumesIn(mounts).every((point) => {
    const volume = there.get(point.volume)
    return volume !== undefined && volumes.isReady(volume, copiedDirectory(snapshots, image.chain, point))
  })
}

/** What the image has in a volume's place, when that is copied into an empty volume: files that are no directories are not. */
function copiedDirectory(
  snapshots: Stages['snapshots'],
  chain: readonly string[],
  { isCopied, destination }: VolumePoint,
): ImageDirectory | undefined {
  const place = isCopied ? snapshots.placeAt(chain, destination) : undefined
  return place?.kind === 'directory' ? place : undefined
}

/** Makes a container's new volumes on the disk, and fills the empty ones with what its image has in their places. */
export async function prepareVolumes(
  { images, snapshots, volumes }: VolumeStages,
  { containers }: Pick<ContainerContext, 'containers'>,
  record: ContainerRecord,
  signal?: AbortSignal,
): Promise<void> {
  const { chain } = images.resolve(record.image)
  for (const point of volumesIn(record.mounts)) {
    const volume = volumes.store.get(point.volume)
    if (!volume) continue
    volumes.prepare(volume)
    const source = copiedDirectory(snapshots, chain, point)
    if (source) await volumes.fill(volume, source, signal)
    else await volumes.finishFill(volume, signal)
  }
  failpoint('volumes.prepared')
  containers.setPrepared(record.id)
}

/**
 * Makes ready the volumes that a container takes from others: those may be on the way of being made, or their maker was
 * killed.
 */
export async function prepareTaken(
  stages: VolumeStages,
  context: Pick<ContainerContext, 'containers'>,
  { config }: Pick<ContainerRecord, 'config'>,
  signal?: AbortSignal,
): Promise<void> {
  for (const entry of config.volumesFrom) {
    const other = context.containers.find(parseVolumesFrom(entry).container)
    if (!other.isPrepared) await prepareVolumes(stages, context, other, signal)
  }
}

/** Undoes the making of a container whose volumes cannot be made ready. */
export async function undoCreate(
  { volumes }: Pick<Stages, 'volumes'>,
  context: Pick<ContainerContext, 'containers' | 'tell'>,
  record: ContainerRecord,
  made: readonly string[],
): Promise<void> {
  volumes.store.transaction(() => {
    deleteRecord(context, record)
    for (const name of made) volumes.store.beginRemove(name)
  })
  for (const name of made) await volumes.discard(name)
}

/** Deletes a container's record; where its anonymous volumes go with it, they are being removed from then on. */
export function deleteContainer(
  { volumes }: Pick<Stages, 'volumes'>,
  context: Pick<ContainerContext, 'containers' | 'tell'>,
  record: ContainerRecord,
): boolean {
  const hasAnonymous = volumesIn(record.mounts).some(({ isAnonymous }) => isAnonymous)
  return volumes.store.transaction(() => {
    if (hasAnonymous && (record.config.rm || context.containers.removesVolumes(record.id)))
      volumes.store.retire(record.id)
    return deleteRecord(context, record)
  })
}

function deleteRecord(
  { containers, tell }: Pick<ContainerContext, 'containers' | 'tell'>,
  record: ContainerRecord,
): boolean {
  const name = containers.delete(record.id)
  if (name === undefined) return false
  tell({ ...record, name }, 'destroy')
  return true
}

/** Finishes what the maker of a container has left half filled, before nothing tells of it any more. */
export async function finishFills({ volumes }: Pick<Stages, 'volumes'>, { mounts }: ContainerRecord): Promise<void> {
  for (const { volume } of volumesIn(mounts)) await volumes.recoverFill(volume)
}

/** Removes those of a deleted container's volumes that are being removed. */
export async function discardVolumes({ volumes }: Pick<Stages, 'volumes'>, { mounts }: ContainerRecord): Promise<void> {
  const anonymous = volumesIn(mounts).flatMap(({ volume, isAnonymous }) => (isAnonymous ? [volume] : []))
  for (const { name, state } of volumes.store.named(anonymous).values())
    if (state === 'removing') await volumes.discard(name)
}

const nothingMounted: ReadonlyMap<string, string> = new Map()

/** Mounts what a run needs of volumes that are not just directories: their paths by name. */
export async function mountVolumes(
  { volumes }: Pick<Stages, 'volumes'>,
  { id, attempt, mounts }: ContainerRecord,
): Promise<ReadonlyMap<string, string>> {
  return volumesIn(mounts).length === 0 ? nothingMounted : volumes.acquire(id, attempt)
}

/** Where on the host a container's mount points are. */
export function mountSources(
  { volumes }: Pick<Stages, 'volumes'>,
  mounted: ReadonlyMap<string, string> = nothingMounted,
): MountSources {
  return { volume: ({ volume }) => mounted.get(volume) ?? volumes.path(volume) }
}
