import type { BlobDescriptor } from '../../content/content.js'
import { type Platform, platformObject } from './platform.js'

/** A manifest or index to be stored and sent: its bytes are what its digest says. */
export interface WrittenDocument {
  readonly mediaType: string
  readonly bytes: Buffer
}

/** A blob that a document refers to. */
export interface TypedBlob extends BlobDescriptor {
  readonly mediaType: string
}

export type Compression = 'none' | 'gzip' | 'zstd'

export interface LayerBlobOf extends BlobDescriptor {
  readonly compression: Compression
}

/** What an OCI manifest or index says of itself: free text by names such as `org.opencontainers.image.title`. */
export type Annotations = Readonly<Record<string, string>>

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json'
const ociIndex = 'application/vnd.oci.image.index.v1+json'
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json'

const types = {
  docker: {
    manifest: dockerManifest,
    config: 'application/vnd.docker.container.image.v1+json',
    layers: {
      none: 'application/vnd.docker.image.rootfs.diff.tar',
      gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
      zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
    },
  },
  oci: {
    manifest: ociManifest,
    config: 'application/vnd.oci.image.config.v1+json',
    layers: {
      none: 'application/vnd.oci.image.layer.v1.tar',
      gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
      zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
    },
  },
} as const

export type ManifestFormat = keyof typeof types

/** Docker's own format has no media type for zstd that others would read, and no annotations. */
export function formatFor(layers: readonly LayerBlobOf[], annotations: Annotations): ManifestFormat {
  const isPlain = Object.keys(annotations).length === 0
  return isPlain && layers.every(({ compression }) => compression !== 'zstd') ? 'docker' : 'oci'
}

export function layerType(format: ManifestFormat, compression: Compression): string {
  return types[format].layers[compression]
}

/**
 * The manifest of an image: in Docker's format byte for byte as Docker writes it.
 *
 * @see https://distribution.github.io/distribution/spec/manifest-v2-2/
 */
export function writeManifest(
  format: ManifestFormat,
  config: BlobDescriptor,
  layers: readonly LayerBlobOf[],
  annotations: Annotations = {},
): WrittenDocument {
  const { manifest: mediaType, config: configType } = types[format]
  return written(mediaType, {
    schemaVersion: 2,
    mediaType,
    config: descriptor({ ...config, mediaType: configType }),
    layers: layers.map((layer) => descriptor({ ...layer, mediaType: layerType(format, layer.compression) })),
    ...noted(annotations),
  })
}

/** A member of a manifest list. */
export interface ListMember extends TypedBlob {
  readonly platform: Platform
  readonly annotations?: Annotations
}

/** A list of images for several platforms: Docker's where all of them are Docker's, else an OCI index. */
export function writeList(members: readonly ListMember[], annotations: Annotations = {}): WrittenDocument {
  const isPlain = Object.keys(annotations).length === 0
  const isDocker = isPlain && members.every((member) => member.mediaType === dockerManifest)
  const mediaType = isDocker ? dockerList : ociIndex
  const manifests = members.map((member) => ({
    ...descriptor(member),
    platform: platformObject(member.platform),
    ...noted(member.annotations ?? {}),
  }))
  return written(mediaType, { schemaVersion: 2, mediaType, manifests, ...noted(annotations) })
}

function noted(annotations: Annotations): object {
  const entries = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? {} : { annotations: Object.fromEntries(entries) }
}

function descriptor({ mediaType, size, digest }: TypedBlob): object {
  return { mediaType, size, digest }
}

function written(mediaType: string, document: object): WrittenDocument {
  return { mediaType, bytes: Buffer.from(JSON.stringify(document, null, 3)) }
}
