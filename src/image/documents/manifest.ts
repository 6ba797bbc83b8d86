import type { BlobDescriptor } from '../../content/content.js'
import { isDigest } from '../../content/digest.js'
import type { InvalidOptionError } from '../../errors/index.js'
import { invalidArchive, shown } from './invalid.js'
import {
  asArray,
  asCount,
  asObject,
  asString,
  asStringMap,
  asStrings,
  type JsonObject,
  optional,
  parseObject,
} from './json.js'
import { configTypes, indexTypes, layerTypes, manifestTypes } from './media-types.js'
import type { Platform } from './platform.js'

/** The longest index or manifest, as registries have it. */
export const maxManifestBytes = 4 * 1024 * 1024

/** What a document says of a blob that it refers to. */
export interface Descriptor extends BlobDescriptor {
  readonly mediaType: string
  readonly annotations: Readonly<Record<string, string>>
  readonly platform: Platform | undefined
  /** Where else the content is: of layers that must not be distributed. They are told, never followed. */
  readonly urls: readonly string[]
}

export interface Manifest {
  readonly kind: 'manifest'
  /** What it is called, by itself or by what refers to it; OCI allows that nobody says. */
  readonly mediaType: string | undefined
  readonly config: Descriptor
  /** Bottom first. */
  readonly layers: readonly Descriptor[]
  /** What is text of it. */
  readonly annotations: Readonly<Record<string, string>>
}

export interface Index {
  readonly kind: 'index'
  readonly manifests: readonly Descriptor[]
}

/**
 * Reads an index or a manifest.
 *
 * @param mediaType what refers to the document calls it; undefined for the `index.json` of a layout
 * @throws {InvalidOptionError} `INVALID_ARCHIVE`, also when the document could be read as both kinds (CVE-2021-41190)
 * @see https://github.com/opencontainers/image-spec/blob/main/manifest.md
 */
export function parseManifest(bytes: Uint8Array, mediaType: string | undefined, what: string): Manifest | Index {
  const document = parseObject(bytes, what)
  verifySchema(document, what)
  const declared = optional(document.mediaType, `${what}: mediaType`, asString)
  if (declared && mediaType && declared !== mediaType) {
    throw invalidArchive(`${what} says it is ${shown(declared)}, but is referred to as ${shown(mediaType)}`)
  }
  const isIndex = 'manifests' in document
  if (isIndex && ('layers' in document || 'config' in document || 'fsLayers' in document)) {
    throw invalidArchive(
      `${what} is ambiguous: it has manifests as an index, and layers or a configuration as a manifest`,
    )
  }
  const type = mediaType ?? declared
  if (type && !(isIndex ? indexTypes : manifestTypes).has(type)) {
    throw invalidArchive(`${what} is not what its media type ${shown(type)} says`, { mediaType: type })
  }
  return isIndex ? parseIndex(document, what) : parseImageManifest(document, type, what)
}

function verifySchema(document: JsonObject, what: string): void {
  // OCI layouts of some tools leave it out of index.json.
  if (document.schemaVersion === undefined || document.schemaVersion === 2) return
  throw invalidArchive(`${what} has schema version ${shown(document.schemaVersion)}; only version 2 is supported`)
}

function parseIndex(document: JsonObject, what: string): Index {
  const manifests = asArray(document.manifests ?? [], `${what}: manifests`)
  return { kind: 'index', manifests: manifests.map((item, at) => parseDescriptor(item, `${what}: manifests[${at}]`)) }
}

function parseImageManifest(document: JsonObject, mediaType: string | undefined, what: string): Manifest {
  const config = parseDescriptor(document.config, `${what}: config`)
  const layers = asArray(document.layers ?? [], `${what}: layers`)
  return {
    kind: 'manifest',
    mediaType,
    config: ofType(configTypes, config, `${what}: config`),
    layers: layers.map((item, at) =>
      ofType(layerTypes, parseDescriptor(item, `${what}: layers[${at}]`), `${what}: layers[${at}]`),
    ),
    annotations: textsOf(document.annotations),
  }
}

/** Nothing is decided by it, and so nothing is refused for it. */
function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === 'string'))
}

function parseDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, what)
  const { digest } = object
  if (!isDigest(digest)) throw invalidArchive(`${what}: ${shown(digest)} is not a sha256 digest`)
  return {
    mediaType: asString(object.mediaType, `${what}: mediaType`),
    digest,
    size: asCount(object.size, `${what}: size`),
    annotations: optional(object.annotations, `${what}: annotations`, asStringMap) ?? {},
    platform: optional(object.platform, `${what}: platform`, parsePlatformObject),
    urls: optional(object.urls, `${what}: urls`, asStrings) ?? [],
  }
}

/** What is said of a layer whose content would have to come from where a manifest says. */
export function foreignLayer({ digest, urls }: Descriptor): InvalidOptionError {
  const where = urls.length > 0 ? `from ${shown(urls[0])}` : 'from elsewhere'
  return invalidArchive(
    `the layer ${digest} is foreign: its content would have to be fetched ${where}, which is refused`,
    { layer: digest, urls },
  )
}

function parsePlatformObject(value: unknown, what: string): Platform {
  const object = asObject(value, what)
  const text = (key: string) => optional(object[key], `${what}: ${key}`, asString) ?? ''
  return { os: text('os'), architecture: text('architecture'), variant: text('variant') }
}

function ofType(types: ReadonlySet<string>, descriptor: Descriptor, what: string): Descriptor {
  if (types.has(descriptor.mediaType)) return descriptor
  throw invalidArchive(
    `${what} has the media type ${shown(descriptor.mediaType)}, which is not part of a container image`,
    {
      mediaType: descriptor.mediaType,
    },
  )
}
