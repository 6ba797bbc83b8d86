import type { Digest } from '../content/digest.js'
import type { ImageRow } from '../store/images.js'
import { type Manifest, maxManifestBytes, parseManifest } from './documents/manifest.js'
import { ociManifest, type WrittenDocument } from './documents/write-manifest.js'
import type { LayerStore } from './layers.js'

export interface KeptManifest extends WrittenDocument {
  readonly digest: Digest
  readonly manifest: Manifest
}

/** The manifest that an image came with, or was given when it was built; its layers may be gone, or be other ones. */
export async function keptManifest(
  { content }: Pick<LayerStore, 'content'>,
  row: ImageRow,
): Promise<KeptManifest | undefined> {
  const digest = row.manifest as Digest | null
  if (digest === null || !content.has(digest)) return undefined
  const bytes = await content.read(digest, maxManifestBytes)
  const manifest = parseManifest(bytes, undefined, digest)
  if (manifest.kind !== 'manifest') return undefined
  return { digest, bytes, manifest, mediaType: manifest.mediaType ?? ociManifest }
}
