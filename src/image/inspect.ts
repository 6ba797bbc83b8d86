import type { SnapshotDriver } from '../snapshot/driver.js'
import { nanoseconds } from '../spec/moment.js'
import type { ImageRunConfig } from '../spec/options.js'
import type { ImageRecord } from './types.js'

/** `docker image inspect`: Docker's field names and forms. */
export interface ImageInspect {
  readonly Id: string
  /** As Docker shows them: `redis:7`. */
  readonly RepoTags: readonly string[]
  /** `redis@sha256:...`: names by the digest of a manifest. */
  readonly RepoDigests: readonly string[]
  /** ID of the local image that it was committed from; '' when there is none. */
  readonly Parent: string
  readonly Comment: string
  /** RFC 3339; absent when the image does not say. */
  readonly Created?: string
  /** The version of Docker that made it; '' when the image does not say. */
  readonly DockerVersion: string
  readonly Author: string
  /** How containers of it run; what the image does not say is absent. */
  readonly Config: ImageRunConfig
  /** Go's names: amd64, arm64, ... */
  readonly Architecture: string
  /** Such as v8; absent when the image does not say. */
  readonly Variant?: string
  readonly Os: string
  /** Bytes of all layers' files. */
  readonly Size: number
  readonly GraphDriver: ImageGraphDriver
  readonly RootFS: {
    readonly Type: 'layers'
    /** Diff ids, bottom first. */
    readonly Layers: readonly string[]
  }
  readonly Metadata: {
    /** RFC 3339; `0001-01-01T00:00:00Z` when all its names came with it. */
    readonly LastTagTime: string
  }
}

/** Where the image's files are. */
export interface ImageGraphDriver {
  readonly Name: 'overlay' | 'vfs'
  /** Directories of the layers; null where each layer is a whole copy. */
  readonly Data: {
    /** Those below the topmost, top first, with colons between; absent when there is one only. */
    readonly LowerDir?: string
    readonly UpperDir: string
  } | null
}

const never = '0001-01-01T00:00:00Z'

/**
 * @param document the image's configuration document, as it is
 */
export function inspectImage(
  image: ImageRecord,
  document: string,
  snapshots: Pick<SnapshotDriver, 'name' | 'layers'>,
): ImageInspect {
  const { docker_version } = JSON.parse(document) as { docker_version?: unknown }
  const at = nanoseconds(image.createdAt)
  return {
    Id: image.id,
    RepoTags: image.references,
    RepoDigests: image.digests,
    Parent: image.parent ?? '',
    Comment: image.comment || (image.history.at(-1)?.comment ?? ''),
    ...(at !== undefined && { Created: image.createdAt }),
    DockerVersion: typeof docker_version === 'string' ? docker_version : '',
    Author: image.author,
    Config: image.config,
    Architecture: image.architecture,
    ...(image.variant !== '' && { Variant: image.variant }),
    Os: image.os,
    Size: image.size,
    GraphDriver: graphDriver(image, snapshots),
    RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: image.taggedAtMs === undefined ? never : new Date(image.taggedAtMs).toISOString() },
  }
}

function graphDriver(
  { chain }: ImageRecord,
  snapshots: Pick<SnapshotDriver, 'name' | 'layers'>,
): ImageInspect['GraphDriver'] {
  const [upper, ...lower] = snapshots.layers(chain)
  if (snapshots.name === 'vfs' || upper === undefined) return { Name: snapshots.name, Data: null }
  return {
    Name: snapshots.name,
    Data: { ...(lower.length > 0 && { LowerDir: lower.join(':') }), UpperDir: upper },
  }
}
