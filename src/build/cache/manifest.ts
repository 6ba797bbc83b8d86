import type { BlobDescriptor } from '../../content/content.js'
import { asArray, asDigest, asNumber, asObject, asText, invalidCache, parseJson } from './values.js'

/** What a cache is called by what refers to its document. */
export const cacheMediaType = 'application/vnd.inboard.build.cache.v1+json'
/** Where an image's configuration has the steps of its making. */
export const inlineCacheField = 'inboard.build.cache.v1'

const manifestType = 'application/vnd.oci.image.manifest.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'

const maxManifestBytes = 4 * 1024 * 1024
const maxLayers = 10_000
const maxMediaTypeLength = 255

/** A blob that a manifest names. */
export interface CacheBlob extends BlobDescriptor {
  readonly mediaType: string
}

/** The manifest of a cache: its document, and the blobs that this refers to by their numbers. */
export interface CacheManifest {
  readonly config: CacheBlob
  readonly layers: readonly CacheBlob[]
}

/** @see https://github.com/opencontainers/image-spec/blob/main/manifest.md */
export function writeCacheManifest({ config, layers }: CacheManifest): { mediaType: string; bytes: Buffer } {
  const document = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptor(config),
    layers: layers.map(descriptor),
  }
  return { mediaType: manifestType, bytes: Buffer.from(JSON.stringify(document)) }
}

/**
 * Reads a cache's manifest.
 *
 * @returns undefined: it is something else's, such as an image's
 * @throws {InvalidOptionError} `INVALID_ARCHIVE`
 */
export function parseCacheManifest(bytes: Uint8Array): CacheManifest | undefined {
  const document = asObject(parseJson(bytes, maxManifestBytes), 'the manifest')
  const { config } = document
  if ('manifests' in document || typeof config !== 'object' || config === null) return undefined
  if ((config as { mediaType?: unknown }).mediaType !== cacheMediaType) return undefined
  return {
    config: parseBlob(config, 'config'),
    layers: asArray(document.layers, 'layers', maxLayers).map((layer, at) => parseBlob(layer, `layers[${at}]`)),
  }
}

/** The index of a layout that holds nothing but one cache. @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
export function writeCacheIndex(manifest: BlobDescriptor): Buffer {
  const { digest, size } = manifest
  const manifests = [{ mediaType: manifestType, artifactType: cacheMediaType, digest, size }]
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }))
}

/** The manifest that a layout's index names. @throws {InvalidOptionError} `INVALID_ARCHIVE` when there is not the one of a cache alone */
export function parseCacheIndex(bytes: Uint8Array): BlobDescriptor {
  const manifests = asArray(asObject(parseJson(bytes, maxManifestBytes), 'the index').manifests, 'manifests', maxLayers)
  const caches = manifests.filter((item) => asObject(item, 'manifests').artifactType === cacheMediaType)
  if (caches.length !== 1) throw invalidCache('its index does not name one cache')
  return parseBlob(caches[0], 'manifests')
}

function parseBlob(value: unknown, what: string): CacheBlob {
  const object = asObject(value, what)
  if (Array.isArray(object.urls) && object.urls.length > 0) throw invalidCache(`${what} is to be had elsewhere`)
  return {
    mediaType: asText(object.mediaType, `${what}.mediaType`, maxMediaTypeLength),
    digest: asDigest(object.digest, `${what}.digest`),
    size: asNumber(object.size, `${what}.size`, 0, Number.MAX_SAFE_INTEGER),
  }
}

function descriptor({ mediaType, digest, size }: CacheBlob): object {
  return { mediaType, digest, size }
}
