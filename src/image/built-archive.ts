import { type Digest, digestOf } from '../content/digest.js'
import { reporting } from '../errors/system.js'
import { type ArchivedImage, type ArchivedList, type SaveFormat, writeArchive } from './archive/write-archive.js'
import { writeLayoutDirectory } from './archive/write-directory.js'
import { type BuiltImage, ownLayers, rowOf } from './built.js'
import { parseConfig } from './documents/config.js'
import { type Annotations, type ListMember, writeList } from './documents/write-manifest.js'
import { verifyDepth } from './layers.js'
import type { ImageContext } from './load.js'
import type { OnProgress } from './progress.js'
import { writeCounted } from './save.js'
import { madeManifest } from './save-image.js'
import type { SaveTarget } from './save-target.js'
import { parseTag } from './tag.js'

export interface WriteBuiltRequest {
  /** One for each platform; several are joined in an index. */
  readonly images: readonly BuiltImage[]
  /** The names that the archive gives them. */
  readonly references: readonly string[]
  readonly format: SaveFormat
  /** A directory is for an OCI layout. */
  readonly target: SaveTarget | { readonly directory: string }
  /** Of the index that joins several images, or of `index.json`. */
  readonly indexAnnotations?: Annotations | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface WrittenBuild {
  /** Of each image. */
  readonly ids: readonly Digest[]
  /** Bytes that were written. */
  readonly size: number
  /** Of the manifest, or of the index that joins several. */
  readonly digest: Digest
}

/**
 * Writes what was built to an archive, and records nothing. To be called within a change, see `collection.ts`.
 *
 * @throws {LayerError} `TOO_MANY_LAYERS`; {InvalidOptionError} `INVALID_REFERENCE`, `INVALID_OPTION`; {SyscallError}
 */
export async function writeBuilt(context: ImageContext, request: WriteBuiltRequest): Promise<WrittenBuild> {
  const { format, target, indexAnnotations, signal, onProgress } = request
  const names = [...new Set(request.references)].map((name) => parseTag(name))
  const images: ArchivedImage[] = []
  for (const built of request.images) images.push({ ...(await archivedImage(context, built, signal)), names })
  const list = images.length > 1 ? { document: listOf(images, indexAnnotations), names } : undefined
  const annotations = list ? undefined : indexAnnotations
  const contents = { images, format, list, annotations }
  const ids = images.map(({ config }) => config.digest)
  const { digest } = list?.document ?? (images[0] as ArchivedImage).manifest
  if (typeof target === 'object' && 'directory' in target) {
    const { directory } = target
    const write = () => writeLayoutDirectory(contents, context.content, directory, signal)
    return { ids, digest, size: await reporting('The image layout could not be written', write) }
  }
  const { size } = await writeCounted(writeArchive(contents, context.content), target, signal, onProgress)
  return { ids, digest, size }
}

async function archivedImage(
  context: ImageContext,
  built: BuiltImage,
  signal: AbortSignal | undefined,
): Promise<Omit<ArchivedImage, 'names'>> {
  const layers = await ownLayers(context, built, signal)
  verifyDepth(layers.length)
  const bytes = built.document(layers.map(({ diffId }) => diffId))
  const config = { digest: digestOf(bytes), bytes }
  const rows = layers.map((layer) => rowOf(context, layer))
  return { config, ...(await madeManifest(context, config, rows, built.annotations)) }
}

function listOf(images: readonly ArchivedImage[], annotations: Annotations | undefined): ArchivedList['document'] {
  const members = images.map(({ config, manifest: { mediaType, digest, bytes } }): ListMember => {
    const platform = parseConfig(config.bytes, 'configuration')
    return { mediaType, digest, size: bytes.length, platform }
  })
  const document = writeList(members, annotations)
  return { ...document, digest: digestOf(document.bytes) }
}
