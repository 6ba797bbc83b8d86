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

/** Docker's own format has no media type for zstd that others would read. */
export function formatFor(layers: readonly LayerBlobOf[]): ManifestFormat {
  return layers.some(({ compression }) => compression === 'zstd') ? 'oci' : 'docker'
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
): WrittenDocument {
  const { manifest: mediaType, config: configType } = types[format]
  return written(mediaType, {
    schemaVersion: 2,
    mediaType,
    config: descriptor({ ...config, mediaType: configType }),
    layers: layers.map((layer) => descriptor({ ...layer, mediaType: layerType(format, layer.compression) })),
  })
}

/** A member of a manifest list. */
export interface ListMember extends TypedBlob {
  readonly platform: Platform
}

/** A list of images for several platforms: Docker's where all of them are Docker's, else an OCI index. */
export function writeList(members: readonly ListMember[]): WrittenDocument {
  const mediaType = members.every((member) => member.mediaType === dockerManifest) ? dockerList : ociIndex
  const manifests = members.map((member) => ({ ...descriptor(member), platform: platformObject(member.platform) }))
  return written(mediaType, { schemaVersion: 2, mediaType, manifests })
}

function descriptor({ mediaType, size, digest }: TypedBlob): object {
  return { mediaType, size, digest }
}

function written(mediaType: string, document: object): WrittenDocument {
  return { mediaType, bytes: Buffer.from(JSON.stringify(document, null, 3)) }
}
