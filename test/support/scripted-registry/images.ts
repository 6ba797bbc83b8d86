import { gzipSync } from 'node:zlib'
import type { Digest } from '../../../src/content/digest.js'
import { configDocument, type Entries, sha256, tar } from '../archives.js'

export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }
  readonly urls?: readonly string[]
}

export interface ImageOptions {
  /** Default: `latest`. Several names for one image are several calls. */
  readonly tag?: string
  /** Bottom first: files of each layer, or the layer's blob as it is. */
  readonly layers?: readonly (Entries | Buffer)[]
  /** Default: true. Layers given as blobs stay as they are. */
  readonly gzip?: boolean
  /** Docker's media types instead of OCI's. */
  readonly docker?: boolean
  readonly config?: object
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }
  /** Changes the manifest: a manifest that lies. */
  readonly manifest?: (manifest: ManifestDocument) => object
}

export interface ManifestDocument {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/** An image as a registry holds it. */
export interface ScriptedImage {
  readonly mediaType: string
  readonly bytes: Buffer
  readonly digest: Digest
  readonly size: number
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string }
  readonly config: Descriptor
  /** Bottom first. */
  readonly layers: readonly Descriptor[]
  /** All of them, by digest. */
  readonly blobs: ReadonlyMap<string, Buffer>
}

const oci = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  tar: 'application/vnd.oci.image.layer.v1.tar',
}

const docker = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  tar: 'application/vnd.docker.image.rootfs.diff.tar',
}

const host = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }

export async function makeImage(options: ImageOptions): Promise<ScriptedImage> {
  const types = options.docker ? docker : oci
  const platform = options.platform ?? host
  const blobs = new Map<string, Buffer>()
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = sha256(bytes) as Digest
    blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const tars: Buffer[] = []
  const layers: Descriptor[] = []
  for (const layer of options.layers ?? [{ 'etc/motd': 'hello\n' }]) {
    const bytes = Buffer.isBuffer(layer) ? layer : await tar(layer)
    tars.push(bytes)
    const isPlain = options.gzip === false || Buffer.isBuffer(layer)
    layers.push(isPlain ? add(types.tar, bytes) : add(types.gzip, gzipSync(bytes, { level: 1 })))
  }
  const document = configDocument({ layers: tars, config: options.config ?? {}, document: platform })
  const config = add(types.config, document)
  const plain: ManifestDocument = { schemaVersion: 2, mediaType: types.manifest, config, layers }
  const bytes = Buffer.from(JSON.stringify(options.manifest?.(plain) ?? plain))
  return {
    mediaType: types.manifest,
    bytes,
    digest: sha256(bytes) as Digest,
    size: bytes.length,
    platform,
    config,
    layers,
    blobs,
  }
}

export function makeIndex(images: readonly ScriptedImage[], isDocker: boolean): { mediaType: string; bytes: Buffer } {
  const mediaType = (isDocker ? docker : oci).index
  const manifests = images.map(({ mediaType, digest, size, platform }) => ({ mediaType, digest, size, platform }))
  return { mediaType, bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })) }
}
