import { posix } from 'node:path'
import { invalidOption } from './invalid.js'
import type { MountPoint, TmpfsPoint, VolumePoint } from './mount-point.js'
import { checkTarget } from './mount-target.js'
import { yields } from './mounts.js'
import type { ConfiguredMount, ConfiguredTmpfs, ConfiguredVolume, ContainerConfig } from './options.js'
import { parseVolumesFrom } from './volumes-from.js'

/** The supervisor's table of descriptors has 1024 places, some of them for other things. */
export const maxMounts = 1000

/** What decides what a container has mounted. */
export interface MountPointsInput {
  readonly config: Pick<ContainerConfig, 'mounts' | 'volumesFrom' | 'volumeDriver'>
  /** Where the image wants volumes: the keys of its `Volumes`. */
  readonly imageVolumes: readonly string[]
  /** What the containers of `volumesFrom` have mounted, by their names as they were given there. */
  readonly from: ReadonlyMap<string, readonly MountPoint[]>
  /** What it has from a snapshot; like those of others, they give way to what was asked for. */
  readonly inherited?: readonly MountPoint[]
  /** A name for an anonymous volume. */
  newName(): string
  /** The driver of a volume that is there; undefined: there is none of that name. */
  driverOf?(name: string): string | undefined
  /** The ID of an image that is to be mounted. */
  imageId(reference: string): string
}

/**
 * What a container has mounted, in Docker's order of precedence: what it takes from others, in whose place comes what it was
 * asked to mount, then volumes that `-v /path` and its image want, where nothing is yet. One for a destination, and beside it
 * at most one of `tmpfs()`, which hides it.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for a volume of the image at a place where nothing can be mounted, and for more
 *   than {@link maxMounts}
 */
export function resolveMountPoints(input: MountPointsInput): MountPoint[] {
  const { mounts } = input.config
  const given = [
    ...(input.inherited ?? []),
    ...takenPoints(input),
    ...mounts.filter((mount) => !yields(mount)).map((one) => pointOf(one, input)),
  ]
  const hiding = given.filter(isHiding)
  const points = new Map<string, MountPoint>()
  for (const point of given) if (!isHiding(point)) points.set(point.destination, point)
  const occupied = new Set([...points.keys(), ...hiding.map(({ destination }) => destination)])
  const wanted = new Set([...mounts.filter(yields).map(({ target }) => target), ...input.imageVolumes.map(volumePlace)])
  const made = [...wanted].filter((place) => !occupied.has(place)).map((place) => anonymousPoint(place, input))
  return checkCount([...points.values(), ...made, ...hiding])
}

function checkCount(points: MountPoint[]): MountPoint[] {
  if (points.length <= maxMounts) return points
  const what = `too many mounts: ${points.length}`
  throw invalidOption(
    'mount',
    what,
    `a container has at most ${maxMounts}, with the volumes of its image`,
    points.length,
  )
}

/** Whether it is of `tmpfs()`: mounted over what else is there, and nothing that inspect or another container sees. */
export function isHiding(point: MountPoint): point is TmpfsPoint {
  return point.type === 'tmpfs' && point.syntax === 'tmpfs'
}

/** Docker's daemon fails where the other has a tmpfs of `mount()`; here the reader gets one of its own. */
function takenPoints({ config, from }: MountPointsInput): MountPoint[] {
  return config.volumesFrom.flatMap((entry) => {
    const { container, readOnly } = parseVolumesFrom(entry)
    const others = (from.get(container) ?? []).filter((point) => !isHiding(point))
    return others.map((point) => takenPoint(point, readOnly || point.readOnly))
  })
}

function takenPoint(point: MountPoint, readOnly: boolean): MountPoint {
  const taken = { mode: '', readOnly }
  switch (point.type) {
    case 'volume':
      return { ...point, ...taken, isCopied: false, isTaken: true }
    case 'bind':
      // A directory that has gone meanwhile is made, whichever way the other came to it.
      return { ...point, ...taken, createSource: true }
    case 'tmpfs':
      return { ...point, ...taken, options: readOnly ? [...new Set([...point.options, 'ro'])] : point.options }
    case 'image':
      return { ...point, ...taken }
  }
}

function pointOf(mount: ConfiguredMount, input: MountPointsInput): MountPoint {
  switch (mount.type) {
    case 'volume':
      return volumePoint(mount, input)
    case 'bind': {
      const { type, target: destination, source, mode, readOnly, propagation, recursive, createSource } = mount
      return { type, destination, mode, readOnly, source, propagation, recursive, createSource }
    }
    case 'image': {
      const { type, target: destination, source: reference, subpath } = mount
      return { type, destination, mode: '', readOnly: true, image: input.imageId(reference), reference, subpath }
    }
    case 'tmpfs':
      return tmpfsPoint(mount)
  }
}

function volumePoint(mount: ConfiguredVolume, { config, newName, driverOf }: MountPointsInput): VolumePoint {
  // `--volume-driver` is for what `-v` and the image make.
  const asked = mount.driver || (mount.syntax === 'volume' ? config.volumeDriver : '')
  const driver = asked || driverOf?.(mount.name) || 'local'
  return {
    type: 'volume',
    destination: mount.target,
    // As Docker labels local volumes for SELinux where nothing else is said.
    mode: mount.mode || (driver === 'local' ? 'z' : ''),
    readOnly: mount.readOnly,
    volume: mount.name || newName(),
    driver,
    isAnonymous: mount.name === '',
    isCopied: !mount.noCopy,
    isTaken: false,
    subpath: mount.subpath,
  }
}

function tmpfsPoint({ target: destination, readOnly, options, syntax }: ConfiguredTmpfs): TmpfsPoint {
  return { type: 'tmpfs', destination, mode: '', readOnly, options, syntax }
}

function anonymousPoint(destination: string, { config, newName }: MountPointsInput): VolumePoint {
  return {
    type: 'volume',
    destination,
    mode: '',
    readOnly: false,
    volume: newName(),
    driver: config.volumeDriver || 'local',
    isAnonymous: true,
    isCopied: true,
    isTaken: false,
    subpath: '',
  }
}

/** An image's relative path counts from the root. */
function volumePlace(path: string): string {
  return checkTarget('image', posix.join('/', path))
}
