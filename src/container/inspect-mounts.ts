import type { MountPoint, VolumePoint } from '../spec/mount-point.js'
import { isHiding } from '../spec/mount-points.js'
import { yields } from '../spec/mounts.js'
import type { ConfiguredMount, ImageRunConfig } from '../spec/options.js'

/** What is mounted at a place of a container. */
export interface InspectMount {
  readonly Type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Of a volume. */
  readonly Name?: string
  /** The path on the host; of an image its name as it was given; '' for a tmpfs. */
  readonly Source: string
  readonly Destination: string
  /** Of a volume. */
  readonly Driver?: string
  /** The words of `volume()`'s last part. */
  readonly Mode: string
  readonly RW: boolean
  /** '' for all but binds. */
  readonly Propagation: string
}

/** `Mounts` of inspect; `tmpfs()` is in `HostConfig.Tmpfs` only, as in Docker. */
export function inspectMounts(
  points: readonly MountPoint[],
  mountpointOf: (point: VolumePoint) => string,
): InspectMount[] {
  return points.filter((point) => !isHiding(point)).map((point) => inspectMount(point, mountpointOf))
}

function inspectMount(point: MountPoint, mountpointOf: (point: VolumePoint) => string): InspectMount {
  const { type: Type, destination: Destination, mode: Mode, readOnly } = point
  const common = { Mode, RW: !readOnly, Propagation: '' }
  switch (point.type) {
    case 'volume':
      return { Type, Name: point.volume, Source: mountpointOf(point), Destination, Driver: point.driver, ...common }
    case 'bind':
      return { Type, Source: point.source, Destination, ...common, Propagation: point.propagation }
    case 'image':
      return { Type, Source: point.reference, Destination, ...common }
    case 'tmpfs':
      return { Type, Source: '', Destination, ...common }
  }
}

/** `Config.Volumes`: what `-v /path` and the image want; null: nothing. */
export function inspectVolumes(
  mounts: readonly ConfiguredMount[],
  { Volumes }: ImageRunConfig,
): Readonly<Record<string, object>> | null {
  const asked = mounts.filter(yields).map(({ target }) => target)
  const places = [...asked, ...Object.keys(Volumes ?? {})]
  return places.length > 0 ? Object.fromEntries(places.map((place) => [place, {}])) : null
}
